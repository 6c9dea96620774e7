"""The page of one run: a plot and a table for each work, with nothing to be fetched."""
import html

STYLE = '''
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; font-size: 1.1rem; }
table { border-collapse: collapse; width: 100%; font-size: .85rem; }
th, td { text-align: right; padding: .15rem .6rem; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child { text-align: left; }
svg { width: 100%; height: auto; font: 12px system-ui, sans-serif; }
.bar { fill: #9db4c8; } .ours { fill: #2f6f9f; } .floor { fill: #c9c9c9; }
@media (prefers-color-scheme: dark) {
  body { background: #181a1c; color: #ddd; } th, td { border-color: #444; } text { fill: #ddd; }
}
'''
COLUMNS = [('cpu', 'CPU s a million', '{:,.3f}'), ('rate', 'a second', '{:,.0f}'),
           ('p50', 'p50 µs', '{:,.0f}'), ('p99', 'p99 µs', '{:,.0f}'),
           ('p999', 'p99.9 µs', '{:,.0f}'), ('bytes', 'bytes', '{:,.0f}')]
ROW, LEFT, WIDTH = 22, 150, 760


def plot(servers, key):
    """Bars, the least first. What is beyond eight times the median of the best three is cut, and its
    figure says how long it would be."""
    rows = sorted(((name, f[key]) for name, f in servers.items()), key=lambda row: row[1])
    most = min(rows[-1][1], 8 * rows[min(1, len(rows) - 1)][1]) or 1
    parts = [f'<svg viewBox="0 0 {WIDTH} {ROW * len(rows) + 4}" role="img">']
    for index, (name, value) in enumerate(rows):
        y, length = index * ROW + 2, min(value / most, 1) * (WIDTH - LEFT - 90)
        kind = 'ours' if name.startswith('sluice') else 'floor' if name == 'floor' else 'bar'
        cut = ' …' if value > most else ''
        parts.append(
            f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end">{html.escape(name)}</text>'
            f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{length:.1f}" height="{ROW - 5}"/>'
            f'<text x="{LEFT + length + 6:.1f}" y="{y + 14}">{value:,.2f}{cut}</text>')
    return ''.join(parts) + '</svg>'


def table(servers, key):
    columns = [c for c in COLUMNS if c[0] in next(iter(servers.values()))]
    head = ''.join(f'<th>{title}</th>' for _, title, _ in columns)
    rows = ''.join(
        f'<tr><td>{html.escape(name)}</td>' +
        ''.join(f'<td>{form.format(figures[k])}</td>' for k, _, form in columns) + '</tr>'
        for name, figures in sorted(servers.items(), key=lambda item: item[1][key]))
    return f'<table><tr><th></th>{head}</tr>{rows}</table>'


def render(document):
    parts = ['<!doctype html><html lang="en"><meta charset="utf-8"><title>sluice: measured</title>'
             f'<style>{STYLE}</style><h1>sluice beside its peers</h1>'
             f'<p>Taken {document["taken"]}: medians of {document["runs"]} runs of '
             f'{document["seconds"]:g} s, the server on one core, the client on another. Bars: CPU '
             'seconds, user and system, for a million messages, deliveries or handshakes.</p>']
    for work, servers in document['results'].items():
        if not servers:
            continue
        key = 'bytes' if work == 'idle' else 'cpu'
        parts.append(f'<h2>{html.escape(document["works"][work])}</h2>{plot(servers, key)}'
                     f'{table(servers, key)}')
    return ''.join(parts) + '</html>\n'
