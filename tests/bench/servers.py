"""The servers that are measured: how each is started, and under which paths it serves what."""
import os
import pathlib
import shutil
import socket
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
PEERS = HERE / 'peers'


class Missing(Exception):
    """What it needs isn't installed."""


def need(*candidates):
    """The first of these programs or files that is there."""
    for candidate in candidates:
        found = shutil.which(str(candidate))
        if found:
            return found
        if os.path.exists(candidate):
            return str(candidate)
    raise Missing(f'no {candidates[0]}')


class Server:
    """One that is measured. `slow`: half the turns are enough. `works`: where it has something to
    say; None is everywhere. `counts`: what can be counted of it. `cores`: where it may run."""
    slow = False
    works = None
    counts = ()
    cores = '0'
    paths = {'echo': '/ws/echo/', 'idle': '/ws/echo/', 'chat': '/ws/chat/'}

    def __init__(self, name):
        self.name = name
        self.started = []

    def command(self, directory, port, build):
        """What starts it on that port: a command, and what its environment has more."""
        raise NotImplementedError

    def stop_helpers(self):
        for process in self.started:
            process.terminate()
            process.wait()
        self.started = []


class Floor(Server):
    counts = ('instructions', 'calls')

    def command(self, directory, port, build):
        return [str(build / 'tests/bench/floor'), str(port)], {}


class Program(Server):
    """One from elsewhere: its only argument is the port."""
    counts = ('instructions', 'calls')

    def __init__(self, name, program):
        super().__init__(name)
        self.program = program

    def command(self, directory, port, build):
        return [need(os.path.abspath(self.program)), str(port)], {}


class Sluice(Server):
    """Ours, with the consumers of the demo and some of the bench."""
    paths = {'echo': '/ws/echo/', 'idle': '/ws/idle/', 'chat': '/ws/chat/', 'plain': '/ws/plain/'}

    counts = ('instructions', 'calls')

    def __init__(self, name, loops=1):
        super().__init__(name)
        self.loops = loops

    def command(self, directory, port, build):
        (directory / 'routing.conf').write_text(
            f'listen 127.0.0.1:{port}\nloops {self.loops}\npool threads=1\ncache {directory}\n'
            'limits message=2m backlog=64m\n'
            f'ws /ws/echo/ {build}/consumers/echo.so\nws /ws/chat/ {build}/consumers/chat.so\n'
            f'ws /ws/plain/ {build}/tests/bench/plain.so\n'
            f'ws /ws/idle/ {build}/tests/bench/idle.so\n')
        return [str(build / 'sluice'), 'run', '--no-supervise', '-c', 'routing.conf'], {}


class SluicePlain(Sluice):
    """Its room is that of a plain handler, which runs for each member."""
    paths = {'chat': '/ws/plain/'}
    counts = ()


class SluiceLoops(Sluice):
    """Both cores, which it shares with the client: what a message costs must not grow."""
    works = ('echo-64-1', 'echo-64-16', 'chat-1', 'chat-8', 'connect')
    counts = ()
    cores = '0-1'


class Node(Server):
    counts = ('calls',)

    def command(self, directory, port, build):
        return [need('node'), str(PEERS / 'ws.mjs'), str(port)], {}


class Bun(Server):
    counts = ('calls',)

    def command(self, directory, port, build):
        modules = HERE / 'node_modules/@oven'
        return [need('bun', modules / 'bun-linux-x64/bin/bun',
                     modules / 'bun-linux-x64-baseline/bin/bun',
                     modules / 'bun-linux-aarch64/bin/bun'),
                str(PEERS / 'bun.mjs'), str(port)], {}


class Lws(Server):
    counts = ('instructions', 'calls')

    def command(self, directory, port, build):
        return [need(build / 'tests/bench/peers/lws'), str(port)], {}


class Kore(Server):
    def command(self, directory, port, build):
        module = need(build / 'tests/bench/peers/kore.so')
        (directory / 'kore.conf').write_text(
            'socket_backlog 4096\nworkers 1\nworker_max_connections 20000\n'
            'worker_accept_threshold 512\nworker_rlimit_nofiles 20000\nwebsocket_timeout 600\n'
            f'websocket_maxframe 2097152\nload {module}\n'
            f'server main {{\n bind 127.0.0.1 {port}\n tls no\n}}\n'
            'domain * {\n attach main\n route /ws/echo/ page_echo\n route /ws/chat/ page_chat\n}\n')
        return [need('kore'), '-fnr', '-c', 'kore.conf'], {}


class Nchan(Server):
    paths = {'chat': '/ws/chat/'}

    def command(self, directory, port, build):
        module = need('/usr/lib/nginx/modules/ngx_nchan_module.so')
        (directory / 'nginx.conf').write_text(
            f'load_module {module};\nworker_processes 1;\ndaemon off;\nmaster_process off;\n'
            f'pid {directory}/pid;\nerror_log {directory}/error.log;\nworker_rlimit_nofile 20000;\n'
            'events { worker_connections 19000; }\n'
            f'http {{\n access_log off;\n client_body_temp_path {directory}/a;\n'
            f' proxy_temp_path {directory}/b;\n fastcgi_temp_path {directory}/c;\n'
            f' uwsgi_temp_path {directory}/d;\n scgi_temp_path {directory}/e;\n'
            f' server {{\n  listen 127.0.0.1:{port} backlog=4096;\n'
            '  location /ws/chat/ {\n   nchan_pubsub websocket;\n   nchan_channel_id room;\n'
            '   nchan_message_buffer_length 100;\n   nchan_subscriber_first_message newest;\n'
            '  }\n }\n}\n')
        return [need('/usr/sbin/nginx', 'nginx'), '-p', str(directory), '-c', 'nginx.conf'], {}


class Channels(Server):
    """10,000 connections would not open in the minute that they have."""
    slow = True
    paths = {'echo': '/ws/echo/', 'chat': '/ws/chat/'}

    def __init__(self, name, server, layer):
        super().__init__(name)
        self.server, self.layer = server, layer

    def start_redis(self, directory):
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            port = probe.getsockname()[1]
        process = subprocess.Popen(
            ['taskset', '-c', '0', need('redis-server', '/usr/bin/redis-server'), '--port',
             str(port), '--bind', '127.0.0.1', '--save', '', '--dir', str(directory)],
            stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        self.started.append(process)
        for _ in range(100):
            try:
                socket.create_connection(('127.0.0.1', port), 1).close()
                return port
            except OSError:
                time.sleep(0.05)
        raise RuntimeError('redis does not start')

    def command(self, directory, port, build):
        python = need('/usr/bin/python3')
        if subprocess.run([python, '-c', f'import channels, {self.server}'],
                          capture_output=True, check=False).returncode != 0:
            raise Missing(f'no Channels or {self.server} for {python}')
        environment = {'PYTHONPATH': str(PEERS / 'channels'), 'PYTHONDONTWRITEBYTECODE': '1',
                       'DJANGO_SETTINGS_MODULE': 'settings', 'BENCH_REDIS': ''}
        if self.layer == 'redis':
            environment['BENCH_REDIS'] = str(self.start_redis(directory))
        if self.server == 'daphne':
            return [python, '-m', 'daphne', '-b', '127.0.0.1', '-p', str(port), '--ping-interval',
                    '600', 'asgi:application'], environment
        return [python, '-m', 'uvicorn', '--host', '127.0.0.1', '--port', str(port), '--backlog',
                '4096', '--ws-ping-interval', '600', '--log-level', 'warning',
                'asgi:application'], environment


SERVERS = {server.name: server for server in [
    Floor('floor'),
    Sluice('sluice'),
    SluicePlain('sluice-plain'),
    SluiceLoops('sluice-2-loops', loops=2),
    Bun('bun'),
    Lws('libwebsockets'),
    Kore('kore'),
    Nchan('nchan'),
    Node('ws'),
    Channels('uvicorn', 'uvicorn', 'memory'),
    Channels('uvicorn-redis', 'uvicorn', 'redis'),
    Channels('daphne', 'daphne', 'memory'),
    Channels('daphne-redis', 'daphne', 'redis'),
]}
