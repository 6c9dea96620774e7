"""/ws/echo/ sends back, /ws/chat/ sends to its group: as the tutorial of Channels writes them."""
import django

django.setup()  # before anything that reads the settings

from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.urls import path  # noqa: E402


class Echo(AsyncWebsocketConsumer):
    async def receive(self, text_data=None, bytes_data=None):
        await self.send(text_data=text_data, bytes_data=bytes_data)


class Chat(AsyncWebsocketConsumer):
    async def connect(self):
        await self.channel_layer.group_add('room', self.channel_name)
        await self.accept()

    async def disconnect(self, code):
        await self.channel_layer.group_discard('room', self.channel_name)

    async def receive(self, text_data=None, bytes_data=None):
        await self.channel_layer.group_send('room', {'type': 'chat.message', 'message': text_data})

    async def chat_message(self, event):
        await self.send(text_data=event['message'])


application = ProtocolTypeRouter({'websocket': URLRouter([
    path('ws/echo/', Echo.as_asgi()),
    path('ws/chat/', Chat.as_asgi()),
])})
