"""A folder of the object store as Zarr sees it: keys below a prefix, errors of our tree."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from typing import TYPE_CHECKING, Any, Self

import obstore
from zarr.storage import ObjectStore as ZarrObjectStore

from extremeearth.infrastructure.objects._errors import translated

if TYPE_CHECKING:
    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import Buffer, BufferPrototype


class ZarrFolder(ZarrObjectStore[Any]):
    """Zarr store over obstore in which every key lies below `prefix`."""

    def __init__(self, store: Any, *, prefix: str, read_only: bool = False) -> None:
        super().__init__(store, read_only=read_only)
        self.prefix = prefix

    def with_read_only(self, read_only: bool = False) -> Self:
        """Give the same folder with or without the right to write."""
        return type(self)(self.store, prefix=self.prefix, read_only=read_only)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ZarrFolder) and super().__eq__(other) and self.prefix == other.prefix
        )

    __hash__ = None  # type: ignore[assignment]  # as its base: equal by content

    def __getstate__(self) -> dict[Any, Any]:
        raise TypeError("open the Zarr store anew in the other process, from its object store")

    def _full(self, key: str) -> str:
        return f"{self.prefix}/{key}" if key else self.prefix

    def _relative(self, path: str) -> str:
        return path.removeprefix(f"{self.prefix}/")

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Read one key, or a part of it."""
        with translated("read", self._full(key)):
            return await super().get(self._full(key), prototype, byte_range)

    async def get_partial_values(
        self,
        prototype: BufferPrototype,
        key_ranges: Iterable[tuple[str, ByteRequest | None]],
    ) -> list[Buffer | None]:
        """Read parts of several keys."""
        full = [(self._full(key), part) for key, part in key_ranges]
        with translated("read", self.prefix):
            return await super().get_partial_values(prototype, full)

    async def exists(self, key: str) -> bool:
        """Tell whether the key is there."""
        with translated("look up", self._full(key)):
            return await super().exists(self._full(key))

    async def set(self, key: str, value: Buffer) -> None:
        """Write one key."""
        self._check_writable()
        with translated("write", self._full(key)):
            await super().set(self._full(key), value)

    async def set_if_not_exists(self, key: str, value: Buffer) -> None:
        """Write one key unless it is there."""
        self._check_writable()
        with translated("write", self._full(key)):
            await super().set_if_not_exists(self._full(key), value)

    async def delete(self, key: str) -> None:
        """Remove one key."""
        self._check_writable()
        with translated("delete", self._full(key)):
            await super().delete(self._full(key))

    async def delete_dir(self, prefix: str) -> None:
        """Remove all keys below a folder."""
        self._check_writable()
        keys = [self._full(key) async for key in self.list_prefix(prefix)]
        if keys:
            with translated("delete", self._full(prefix)):
                await obstore.delete_async(self.store, keys)

    def list(self) -> AsyncGenerator[str, None]:
        """Go through all keys."""
        return self.list_prefix("")

    async def list_prefix(self, prefix: str) -> AsyncGenerator[str, None]:
        """Go through all keys below a folder."""
        folder = self._full(prefix.rstrip("/"))
        async for path in super().list_prefix(folder):
            yield self._relative(path)

    async def list_dir(self, prefix: str) -> AsyncGenerator[str, None]:
        """Go through the names directly below a folder."""
        async for name in super().list_dir(self._full(prefix.rstrip("/"))):
            yield name

    async def getsize(self, key: str) -> int:
        """Tell the size of one key in bytes."""
        return await super().getsize(self._full(key))

    async def getsize_prefix(self, prefix: str) -> int:
        """Tell the size of all keys below a folder in bytes."""
        return await super().getsize_prefix(self._full(prefix.rstrip("/")))
