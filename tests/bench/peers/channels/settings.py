"""The peer "Channels": the smallest Django site that has the two consumers."""
import os

SECRET_KEY = 'bench'
DEBUG = False
ALLOWED_HOSTS = ['*']
INSTALLED_APPS = ['channels']
ASGI_APPLICATION = 'asgi.application'
redis = os.environ['BENCH_REDIS']
CHANNEL_LAYERS = {'default': (
    {'BACKEND': 'channels_redis.core.RedisChannelLayer',
     'CONFIG': {'hosts': [('127.0.0.1', int(redis))], 'capacity': 10000}} if redis else
    {'BACKEND': 'channels.layers.InMemoryChannelLayer', 'CONFIG': {'capacity': 10000}})}
