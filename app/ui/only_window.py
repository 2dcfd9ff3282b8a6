"""One window for each data folder: a second start brings the first one forward, and ends."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

from PySide6.QtCore import QLockFile, QObject, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from app.foundation.errors import UserError
from app.settings.places import Places
from app.settings.private_files import make_folder

_ANSWERS_WITHIN = 1000  # ms that a window that is there may take to hear of another start
_TRIES = 3
_COME_FORWARD = b"come forward\n"


class OnlyWindow(QObject):
    """Held by the window as long as it is open; all of it is local to this person.

    Signals:
        wanted: the program was started once more on the same data folder.
    """

    wanted = Signal()

    def __init__(self, places: Places) -> None:
        """Blocks for a moment at most; to be made before the window is."""
        super().__init__()
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._on_connection)
        self._name = _name_of(places.data)
        with contextlib.suppress(UserError):  # the engine tells of a folder that cannot be used, in the window
            make_folder(places.locks)
        self._lock = QLockFile(str(places.locks / "window.lock"))
        self._lock.setStaleLockTime(0)  # stale is what belongs to nobody who lives, however long it stands

    def take(self) -> bool:
        """Whether this is the only one; where it is not, the other was told to come forward."""
        for _ in range(_TRIES):
            if self._lock.tryLock(0) or self._lock.error() is not QLockFile.LockError.LockFailedError:
                QLocalServer.removeServer(self._name)  # of one that died; it has no lock any more
                self._server.listen(self._name)
                return True
            if self._tell():
                return False
        return True  # one that holds the lock and does not hear is of no use to the person

    def _tell(self) -> bool:
        socket = QLocalSocket()
        socket.connectToServer(self._name)
        if not socket.waitForConnected(_ANSWERS_WITHIN):
            return False
        socket.write(_COME_FORWARD)
        told = socket.waitForBytesWritten(_ANSWERS_WITHIN)
        socket.disconnectFromServer()
        return told

    def _on_connection(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            socket.disconnected.connect(socket.deleteLater)
            self.wanted.emit()

    def release(self) -> None:
        """The window is closed."""
        self._server.close()
        self._lock.unlock()


def _name_of(data: Path) -> str:
    """The folder's own name for the system, which has little room for names."""
    return f"overwinter-{hashlib.sha256(str(data).encode('utf-8', 'surrogateescape')).hexdigest()[:16]}"
