"""Servers that run: started on a free port and on one core, looked at, and stopped again."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def await_port(port, process, seconds=60):
    """Until it takes connections; Daphne needs a while, and so does whatever valgrind runs."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f'it ended at once, with {process.returncode}')
        try:
            socket.create_connection(('127.0.0.1', port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError('it does not take connections')


class Running:
    """A server in a session and a directory of its own, on the cores it is to have. `prefix`: what
    it is run under, which ends when the server does; then, or without cores, it may run anywhere,
    and so may the client."""

    def __init__(self, server, build, prefix=(), environment=None):
        self.server = server
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix='bench-'))
        self.port = free_port()
        self.prefix = list(prefix)
        self.pinned = server.cores is not None and not prefix
        pinned = ['taskset', '-c', server.cores] if self.pinned else []
        try:
            command, more = server.command(self.directory, self.port, build)
            environment = {**(os.environ if environment is None else environment), **more}
            with open(self.directory / 'log', 'w', encoding='utf-8') as log:
                self.process = subprocess.Popen(
                    pinned + self.prefix + command, cwd=self.directory, stdout=log, stderr=log,
                    stdin=subprocess.DEVNULL, start_new_session=True, env=environment)
        except BaseException:
            self.server.stop_helpers()
            shutil.rmtree(self.directory, ignore_errors=True)
            raise

    def __enter__(self):
        try:
            await_port(self.port, self.process)
        except RuntimeError as fault:
            text = self.log()
            self.__exit__()
            raise RuntimeError(f'{self.server.name}: {fault}\n{text}') from None
        return self

    def __exit__(self, *_):
        self.stop()
        self.server.stop_helpers()
        shutil.rmtree(self.directory, ignore_errors=True)

    def log(self):
        """The end of what it said."""
        return (self.directory / 'log').read_text(encoding='utf-8', errors='replace')[-2000:]

    def stop(self):
        """What it is run under must write its findings, so it is the server that is told."""
        pids = self.processes()
        if self.prefix and len(pids) > 1:
            pids.remove(self.process.pid)
        for pid in pids:
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
        try:
            self.process.wait(8)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def processes(self):
        """Those of its session: the server and its workers."""
        found = []
        for entry in os.listdir('/proc'):
            if entry.isdigit():
                try:
                    if os.getsid(int(entry)) == self.process.pid:
                        found.append(int(entry))
                except ProcessLookupError:
                    pass
        return found

    def cpu(self):
        """Seconds that its threads have run, user and system, by the scheduler's own count."""
        total = 0
        for pid in self.processes():
            for task in pathlib.Path(f'/proc/{pid}/task').glob('*/schedstat'):
                try:
                    total += int(task.read_text().split()[0])
                except (OSError, ValueError):
                    pass
        return total / 1e9

    def memory(self):
        """Resident bytes that are not files."""
        total = 0
        for pid in self.processes():
            for line in pathlib.Path(f'/proc/{pid}/status').read_text().splitlines():
                if line.startswith('RssAnon:'):
                    total += int(line.split()[1]) * 1024
        return total


class Load:
    """The client, tests/bench/load, against a server that runs: it says "ready", waits for go(),
    gives its figures, and says "through" when all that was under way has been answered."""

    def __init__(self, running, build, arguments, path):
        pinned = ['taskset', '-c', '1'] if running.pinned else []
        self.process = subprocess.Popen(
            [*pinned, str(build / 'tests/bench/load'), *arguments, '--port', str(running.port),
             '--path', path],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        try:
            self.expect('ready')
        except RuntimeError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def line(self):
        line = self.process.stdout.readline().strip()
        if not line:
            raise RuntimeError(self.process.stderr.read().strip() or 'the client ended')
        return line

    def expect(self, word):
        line = self.line()
        if line != word:
            raise RuntimeError(f'the client said {line}')

    def go(self):
        self.process.stdin.write('go\n')
        self.process.stdin.flush()
