"""What Windows does otherwise, in one place, so that a reader of the other files does not need it.

Each function says what other systems do by themselves. Some of them do nothing there; the others
exist on Windows alone. What is asked of the system is in its libraries, by `ctypes`, because
Python's standard library does not offer it. (A Python of another system may have no `ctypes`.)

Threads: all functions may be called from any.
"""

from __future__ import annotations

import errno
import functools
import os
import select
import socket
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from ponte.net.address import is_loopback

# Sockets that `select` takes there (FD_SETSIZE, as Python sets it). Other systems have no such
# limit. A loop needs them for its callers, for one call of each to another process, for the
# connections that a pool keeps meanwhile, and two for itself.
SELECT_SOCKETS = 512
LOOP_CALLERS = 200
LOOP_KEPT = 100


if sys.platform == "win32":
    import ctypes
    import msvcrt
    from ctypes import wintypes


def error_text(number: int) -> str:
    """The words for an error number of the system.

    On Windows, `os.strerror` does not know the numbers of sockets, which begin at 10,000.
    """
    if sys.platform == "win32" and number >= 10_000:
        text = ctypes.FormatError(number).strip().rstrip(".")
        return f"error {number}" if text.startswith("<") else text
    return os.strerror(number)


def output_error_text(error: OSError) -> str:
    """Why output cannot be written, in words.

    On Windows, a pipe whose reader has gone is reported as an invalid argument.
    """
    if sys.platform == "win32" and error.errno == errno.EINVAL:
        return os.strerror(errno.EPIPE)
    return error.strerror or str(error)


def base_python() -> str:
    """The interpreter of this process, also where a virtual environment stands before it."""
    return str(getattr(sys, "_base_executable", sys.executable))


def own_python(environ: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The interpreter of this process, and the environment in which another one is like it.

    On Windows, the `python.exe` of a virtual environment starts the interpreter as a process of its
    own: who freezes the first would not freeze the second. Python's `multiprocessing` does the
    same.
    """
    base = base_python()
    if sys.platform == "win32" and base != sys.executable:
        return base, {**environ, "__PYVENV_LAUNCHER__": sys.executable}
    return sys.executable, dict(environ)


if sys.platform == "win32":
    # "Change the first timeout of a connect": _WSAIOW(IOC_VENDOR, 17) of mstcpip.h. Its parameters
    # are two numbers: the timeout, which stays as it is, and how often to try again: not at all.
    _SIO_TCP_INITIAL_RTO = 0x98000011
    _NO_CHANGE, _NEVER_AGAIN = 0xFFFF, 0xFE
    # "Not at all" is known since Windows 10, version 1709. An older one would read a large number.
    REFUSES_AT_ONCE = sys.getwindowsversion().build >= 16299
    # The right to freeze a process (winnt.h).
    _PROCESS_SUSPEND_RESUME = 0x0800
    # The rights to put a process into a job; what a job is told, and its kind (winnt.h).
    _PROCESS_IN_JOB = 0x0001 | 0x0100
    _KILL_ON_JOB_CLOSE, _EXTENDED_LIMITS = 0x2000, 9

    class _InitialRto(ctypes.Structure):
        """TCP_INITIAL_RTO_PARAMETERS."""

        _fields_ = (("rtt", wintypes.USHORT), ("max_syn_retransmissions", ctypes.c_ubyte))

    class _JobLimits(ctypes.Structure):
        """JOBOBJECT_EXTENDED_LIMIT_INFORMATION. All of it but the flags stays as it is."""

        _fields_ = (("times", ctypes.c_int64 * 2), ("flags", wintypes.DWORD),
                    ("working_set", ctypes.c_size_t * 2), ("processes", wintypes.DWORD),
                    ("affinity", ctypes.c_size_t), ("classes", wintypes.DWORD * 2),
                    ("io", ctypes.c_uint64 * 6), ("memory", ctypes.c_size_t * 4))

    _sockets = ctypes.WinDLL("ws2_32")
    _sockets.WSAIoctl.argtypes = [
        ctypes.c_void_p, wintypes.DWORD, ctypes.c_void_p, wintypes.DWORD, ctypes.c_void_p,
        wintypes.DWORD, ctypes.POINTER(wintypes.DWORD), ctypes.c_void_p, ctypes.c_void_p]
    _kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    _kernel.OpenProcess.argtypes = [wintypes.DWORD, wintypes.BOOL, wintypes.DWORD]
    _kernel.OpenProcess.restype = wintypes.HANDLE
    _kernel.CloseHandle.argtypes = [wintypes.HANDLE]
    _kernel.CreateJobObjectW.restype = wintypes.HANDLE
    _kernel.SetInformationJobObject.argtypes = [wintypes.HANDLE, ctypes.c_int, ctypes.c_void_p,
                                                wintypes.DWORD]
    _kernel.AssignProcessToJobObject.argtypes = [wintypes.HANDLE, wintypes.HANDLE]
    _native = ctypes.WinDLL("ntdll")
    _native.NtSuspendProcess.argtypes = _native.NtResumeProcess.argtypes = [wintypes.HANDLE]
    _native.RtlNtStatusToDosError.argtypes = [wintypes.LONG]

    def refuse_at_once(sock: socket.socket, host: str) -> None:
        """Before a connect to an address of this machine: a port that is closed is refused at once.

        Windows would try three times, for two seconds in all. Go and libuv do the same.
        """
        if not REFUSES_AT_ONCE or not is_loopback(host):
            return
        parameters, returned = _InitialRto(_NO_CHANGE, _NEVER_AGAIN), wintypes.DWORD()
        _sockets.WSAIoctl(sock.fileno(), _SIO_TCP_INITIAL_RTO, ctypes.byref(parameters),
                          ctypes.sizeof(parameters), None, 0, ctypes.byref(returned), None, None)

    def wait_until_readable(sock: socket.socket, timeout_s: float) -> bool:
        """Whether bytes, or the end, come in time. Windows has `select` in the place of `poll`."""
        return _select([sock], [], timeout_s)

    def wait_until_writable(sock: socket.socket, timeout_s: float) -> bool:
        """Whether bytes can be sent in time, or a connect ends."""
        return _select([], [sock], timeout_s)

    def _select(readers: list[socket.socket], writers: list[socket.socket],
                timeout_s: float) -> bool:
        try:
            # A connect that has failed is an exceptional condition.
            return any(select.select(readers, writers, writers, timeout_s))
        except (OSError, ValueError):
            # The socket was closed here. `poll` would report that, too.
            return True

    def suspend(pid: int) -> None:
        """Freezes all threads of a process, as SIGSTOP does. Raises OSError if that is not allowed.

        Each call needs a `resume` of its own.
        """
        _tell(_native.NtSuspendProcess, pid)

    def resume(pid: int) -> None:
        """Undoes `suspend`. Raises OSError if that is not allowed."""
        _tell(_native.NtResumeProcess, pid)

    def _tell(what: Any, pid: int) -> None:
        handle = _kernel.OpenProcess(_PROCESS_SUSPEND_RESUME, False, pid)
        if not handle:
            raise ctypes.WinError(ctypes.get_last_error())
        try:
            status = what(handle)
        finally:
            _kernel.CloseHandle(handle)
        if status < 0:
            raise ctypes.WinError(_native.RtlNtStatusToDosError(status))

    def end_with_us(pid: int) -> None:
        """From now on a process ends when this one does: however that ends, and if it is frozen.

        Elsewhere a process finds out by its standard input, and the system wakes a frozen one.
        Raises OSError if that is not allowed.
        """
        process = _kernel.OpenProcess(_PROCESS_IN_JOB, False, pid)
        if not process:
            raise ctypes.WinError(ctypes.get_last_error())
        try:
            if not _kernel.AssignProcessToJobObject(_own_job(), process):
                raise ctypes.WinError(ctypes.get_last_error())
        finally:
            _kernel.CloseHandle(process)

    @functools.cache
    def _own_job() -> int:
        """A job: the system ends what is in it when we end, because its only handle is ours."""
        job = _kernel.CreateJobObjectW(None, None)
        limits = _JobLimits(flags=_KILL_ON_JOB_CLOSE)
        if not job or not _kernel.SetInformationJobObject(
                job, _EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits)):
            raise ctypes.WinError(ctypes.get_last_error())
        return int(job)

    def forget_typed_keys() -> None:
        """Drops the keys that were pressed before."""
        while msvcrt.kbhit():
            msvcrt.getwch()

    def keep_to_owner(path: str) -> bool:
        """Takes a file away from all other users; returns whether that is so now.

        Other systems do so by the mode of the file.
        """
        system, domain, name = (os.environ.get(each, "")
                                for each in ("SystemRoot", "USERDOMAIN", "USERNAME"))
        icacls = os.path.join(system, "System32", "icacls.exe")
        try:
            subprocess.run([icacls, path, "/inheritance:r", "/grant:r", f"{domain}\\{name}:F"],
                           check=True, capture_output=True)
            shown = subprocess.run([icacls, path], check=True, capture_output=True).stdout
        except (OSError, subprocess.CalledProcessError):
            return False
        # It shows one line for each user or group who may do something, such as "HOST\\ana:(F)".
        return shown.count(b":(") == 1
else:
    def refuse_at_once(sock: socket.socket, host: str) -> None:
        """Other systems take the first refusal as final."""
