"""The fake world: communities on loopback that speak every platform's wire. README.md says how to add one."""

import tests.fakeworld.wires  # noqa: F401 - a world must know every wire, whichever module of it is imported first
