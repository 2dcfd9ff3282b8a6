"""How two names on a server are exchanged in one step: by the best means that it has."""

from __future__ import annotations

NOTHING_THERE, NO_WAY, REFUSED = 4, 5, 6
"""Exit codes: one of the two paths leads to nothing; neither the server nor its file system can; it may not be done."""

# mv (coreutils 9.5) is quick but does not say why it cannot; Python and Perl call the system and do. Whatever of them
# is broken ends with another code, and the next one is asked.
EXCHANGE = f"""\
for f in "$1" "$2";do [ -e "$f" ]||[ -L "$f" ]||exit {NOTHING_THERE};done
case $(mv --help 2>&1) in *--exchange*)mv --exchange --no-target-directory -- "$1" "$2" 2>/dev/null&&exit;;esac
python3 -c "$3" "$1" "$2";r=$?;case $r in 0|{REFUSED})exit $r;;esac
perl -e "$4" "$1" "$2";r=$?;case $r in 0|{REFUSED})exit $r;;esac
exit {NO_WAY}
"""

BY_PYTHON = f"""\
import ctypes, errno, os, sys
path, target = map(os.fsencode, sys.argv[1:])
library = ctypes.CDLL(None, use_errno=True)
try:
    if sys.platform == "darwin":
        failed = library.renamex_np(path, target, 2)
    else:
        failed = library.renameat2(-100, path, -100, target, 2)
except AttributeError:
    sys.exit({NO_WAY})
number = ctypes.get_errno()
if failed:
    print(os.strerror(number), file=sys.stderr)
    sys.exit({NO_WAY} if number in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP) else {REFUSED})
"""

# The numbers of renameat2, where Perl was not told them.
BY_PERL = f"""\
use Config; use Errno qw(EINVAL ENOSYS ENOTSUP);
my %numbers = ("x86_64"=>316, "aarch64"=>276, "riscv64"=>276, "arm"=>382, "i[3-6]86"=>353, "ppc"=>357, "s390x"=>347);
my ($known) = grep {{ $Config{{archname}} =~ /^$_/ }} keys %numbers;
my $number = eval {{ require "sys/syscall.ph"; SYS_renameat2() }} || ($known && $numbers{{$known}}) || exit {NO_WAY};
exit {NO_WAY} if $^O ne "linux";
exit 0 if syscall($number, -100, $ARGV[0], -100, $ARGV[1], 2) == 0;
my $no_way = $! == EINVAL || $! == ENOSYS || $! == ENOTSUP;
print STDERR "$!\\n";
exit($no_way ? {NO_WAY} : {REFUSED});
"""
