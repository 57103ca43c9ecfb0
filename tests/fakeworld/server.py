"""The world on loopback: one server, in a thread of its own, that speaks every wire there is."""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread

from aiohttp import web

from tests.fakeworld.faults import Handler, Request
from tests.fakeworld.model import Wire, World
from tests.fakeworld.sending import with_sending
from tests.fakeworld.wires import WIRES


@contextmanager
def serve(world: World, wires: Sequence[Wire] = WIRES) -> Iterator[str]:
    """The server's address, while the block runs. A wire that raised makes the block fail at its end."""
    server = _Server(world, wires)
    world.base_url = server.start()
    try:
        yield world.base_url
    finally:
        world.base_url = ""
        server.stop()
    if server.errors:
        raise ExceptionGroup("The fake world broke", server.errors)


class _Server:
    def __init__(self, world: World, wires: Sequence[Wire]) -> None:
        self.world = world
        self.wires = wires
        self.errors: list[Exception] = []
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._started: Future[str] = Future()
        self._thread = Thread(target=self._run, daemon=True, name="fakeworld")

    def start(self) -> str:
        self._thread.start()
        return self._started.result()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except Exception as error:  # noqa: BLE001 - told in the test's thread
            self._started.set_exception(error)
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        # A client that hangs up ends its handler; and nobody is waited for at the end.
        runner = web.AppRunner(self._app(), access_log=None, handler_cancellation=True, shutdown_timeout=0.01)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=256).start()
        host, port = runner.addresses[0][:2]
        self._started.set_result(f"http://{host}:{port}")
        await self._stopping.wait()
        await runner.cleanup()
        await _end_tasks()
        await self._loop.shutdown_asyncgens()

    def _app(self) -> web.Application:
        app = web.Application(middlewares=[self._go_wrong], client_max_size=64 * 2**20)
        for wire in self.wires:
            app.add_routes(
                web.RouteDef(route.method, wire.prefix + route.path, route.handler, route.kwargs)
                for route in with_sending(wire).routes(self.world)
            )
        return app

    @web.middleware
    async def _go_wrong(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        body = b"" if request.content_type.startswith("multipart/") else await request.read()
        deed = "#mutation" if b"mutation(" in body else ""  # GraphQL reads and writes at one address
        self.world.requests.append(Request(request.method, request.path + deed, request.query, request.headers, body))
        fault = self.world.answer_fault_for(request.path_qs + deed, request.method)
        try:
            return await (fault.answer(request, handler) if fault else handler(request))
        except web.HTTPException:
            raise
        except ConnectionError:  # the client is gone, or a fault saw to that
            return web.Response()
        except Exception as error:
            self.errors.append(error)
            raise


async def _end_tasks() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
