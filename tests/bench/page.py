"""The page of one run: the goals, then a plot and a table for each work; nothing is fetched."""
import html

STYLE = '''
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; font-size: 1.1rem; }
table { border-collapse: collapse; width: 100%; font-size: .85rem; }
th, td { text-align: right; padding: .15rem .6rem; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child { text-align: left; }
svg { width: 100%; height: auto; font: 12px system-ui, sans-serif; }
.bar { fill: #9db4c8; } .ours { fill: #2f6f9f; } .floor { fill: #c9c9c9; }
.range { stroke: #c2571a; stroke-width: 2; }
.not { color: #b3261e; } .met { color: #1e7b34; }
@media (prefers-color-scheme: dark) {
  body { background: #181a1c; color: #ddd; } th, td { border-color: #444; } text { fill: #ddd; }
  .not { color: #ff8a80; } .met { color: #81c995; }
}
'''
COLUMNS = [('cpu', 'CPU s a million', '{:,.3f}'), ('least', 'least', '{:,.3f}'),
           ('most', 'most', '{:,.3f}'), ('rate', 'a second', '{:,.0f}'),
           ('p50', 'p50 µs', '{:,.0f}'), ('p99', 'p99 µs', '{:,.0f}'),
           ('p999', 'p99.9 µs', '{:,.0f}'), ('bytes', 'bytes', '{:,.0f}'),
           ('instructions', 'instructions', '{:,.0f}'), ('calls', 'system calls', '{:,.2f}')]
ROW, LEFT, RIGHT, WIDTH = 22, 150, 90, 760


def bar(index, name, figures, key, most):
    """One server; the line across its end is how far its turns lay apart."""
    def x(value):
        return LEFT + min(value / most, 1) * (WIDTH - LEFT - RIGHT)

    value, y = figures[key], index * ROW + 2
    kind = 'ours' if name.startswith('sluice') else 'floor' if name == 'floor' else 'bar'
    cut = ' …' if value > most else ''
    spread = ''
    if key == 'cpu' and not cut:
        spread = (f'<path class="range" d="M{x(figures["least"]):.1f} {y + 8.5} '
                  f'H{x(figures["most"]):.1f}"/>')
    return (f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end">{html.escape(name)}</text>'
            f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{x(value) - LEFT:.1f}" '
            f'height="{ROW - 5}"/>{spread}'
            f'<text x="{x(max(value, figures.get("most", 0))) + 6:.1f}" y="{y + 14}">'
            f'{value:,.2f}{cut}</text>')


def plot(rows, key):
    """Bars, the least first. What is beyond eight times the second is cut, and its figure says how
    long it would be."""
    most = min(rows[-1][1][key], 8 * rows[min(1, len(rows) - 1)][1][key]) or 1
    bars = ''.join(bar(index, name, figures, key, most)
                   for index, (name, figures) in enumerate(rows))
    return f'<svg viewBox="0 0 {WIDTH} {ROW * len(rows) + 4}" role="img">{bars}</svg>'


def table(rows):
    columns = [c for c in COLUMNS if c[0] in rows[0][1]]
    head = ''.join(f'<th>{title}</th>' for _, title, _ in columns)
    lines = ''.join(
        f'<tr><td>{html.escape(name)}</td>' +
        ''.join(f'<td>{form.format(figures[k])}</td>' for k, _, form in columns) + '</tr>'
        for name, figures in rows)
    return f'<table><tr><th></th>{head}</tr>{lines}</table>'


def goals(document):
    """What was wanted, and what became of it."""
    lines = ''.join(
        f'<tr><td>{html.escape(document["works"][row["work"]])}</td><td>{row["server"]}</td>'
        f'<td>{row["figure"]:,.2f}</td><td>{row["bound"]:,.2f}</td>'
        f'<td>{html.escape(row["wanted"])}</td>'
        f'<td class="{"not" if row["met"].startswith("not") else "met"}">{row["met"]}</td></tr>'
        for row in document['goals'])
    return ('<h2>Goals</h2><table><tr><th></th><th></th><th>figure</th><th>at most</th>'
            f'<th>which is</th><th></th></tr>{lines}</table>' if lines else '')


def render(document):
    parts = ['<!doctype html><html lang="en"><meta charset="utf-8"><title>sluice: measured</title>'
             f'<style>{STYLE}</style><h1>sluice beside its peers</h1>'
             f'<p>Taken {document["taken"]}, Linux {html.escape(document["kernel"])}: medians of '
             f'{document["runs"]} runs of {document["seconds"]:g} s, the server on one core, the '
             'client on another. Bars: CPU seconds, user and system, for a million messages, '
             'deliveries or handshakes, with the least and the most of the runs; or what is '
             f'counted.</p>{goals(document)}']
    for work, servers in document['results'].items():
        if not servers:
            continue
        key = document['figure'][work]
        rows = sorted(servers.items(), key=lambda item: item[1][key])
        parts.append(f'<h2>{html.escape(document["works"][work])}</h2>{plot(rows, key)}'
                     f'{table(rows)}')
    return ''.join(parts) + '</html>\n'
