"""What the shell of a server is told: how to start a program, how to end one with all it started.

A server gives its login shell one line of text, whatever that shell is; ours is always the same and starts /bin/sh,
which reads the script proper from its input. So no login shell ever sees an argument, none of its start-up words get
mixed up with a program's output (that begins after a mark), and a long command line is no longer than here.

Every program started so is its own session's leader under its own number, and has a watch beside it that ends it,
interrupt first, when the connection's process on the server is gone.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from app.hosts.environment import FAMILIES, NETWORK, PERSON, PROXIES
from app.hosts.running import Patience

LONGEST = 2 * 1024 * 1024
"""Bytes of a script; no system starts a program with longer arguments (Linux: 2 MiB, macOS: 1 MiB)."""

NAP = 0.05
"""Seconds between two looks at processes that are to end."""

# No backslash, `!` or newline: fish and csh read those inside single quotes too.
_READ_SCRIPT = (
    'n=$(echo;echo x);n=${n%x};s=;while IFS= read -r l&&[ "$l" != "$0" ];do s=$s$l$n;done;[ "$l" = "$0" ]&&eval "$s"'
)

_PASSED_ON = "|".join((*PERSON, *NETWORK, *PROXIES, *map(str.lower, PROXIES), *(f"{family}*" for family in FAMILIES)))

# Of the account's own environment the same part is passed on as of ours (`hosts.environment`).
_ENVIRONMENT = f"""\
for v in $(env|sed -n 's/^\\([A-Za-z_][A-Za-z0-9_]*\\)=.*/\\1/p');do case $v in
PATH|PWD|{_PASSED_ON});;_|UID|EUID|PPID|GID|EGID|SHELLOPTS|BASHOPTS|BASH_VERSINFO);;*)unset "$v";;esac;done
w=;IFS=:;for d in $PATH;do case $d in /*)w=$w${{w:+:}}$d;;esac;done;unset IFS
PATH=${{w:-/usr/local/bin:/usr/bin:/bin}};export PATH
case ${{HTTP_PROXY-}}${{HTTPS_PROXY-}}${{ALL_PROXY-}}${{http_proxy-}}${{https_proxy-}}${{all_proxy-}} in *@*)
unset HTTP_PROXY HTTPS_PROXY ALL_PROXY http_proxy https_proxy all_proxy;;esac
"""

# Numbers of the processes of a program: itself, its session, all below it, and those that were seen before; not who
# asks, and what that started. A zombie only waits for its parent. `started` tells the program from another that got
# its number later.
_FAMILY = """\
family(){
if [ -r /proc/self/stat ];then cat /proc/[0-9]*/stat 2>/dev/null|sed 's/ (.*) / /'
else ps -A -o pid= -o stat= -o ppid= -o pgid=|awk '{print $1,substr($2,1,1),$3,$4,$4}';fi|
awk -v root="$p" -v leads="$leads" -v started="$started" -v known="$known" -v me="$me" '
$2!="Z"&&$2!="X"{up[$1]=$3;session[$1]=$5;if($1==root&&started!=""&&$21!=started)other=1}
END{k=split(known,ids," ");for(i=1;i<=k;i++)if(ids[i] in up)ours[ids[i]]
if(!other){if(root in up)ours[root];if(leads)for(i in up)if(session[i]==root)ours[i]}
do{more=0;for(i in up)if(!(i in ours)&&up[i] in ours){ours[i];more=1}}while(more)
mine[me];do{more=0;for(i in up)if(!(i in mine)&&up[i] in mine){mine[i];more=1}}while(more)
for(i in ours)if(!(i in mine))printf "%s ",i}'
}
runs(){ case " $known" in *" $p "*)return 0;;esac;return 1;}
nap(){ sleep 0.05 2>/dev/null||sleep 1;}
end(){
me=$(exec sh -c 'echo $PPID');known=;known=$(family)
if [ "$1" -ge 0 ];then runs&&kill -INT "$p" 2>/dev/null;i=0
while known=$(family);runs&&[ $i -lt "$1" ];do i=$((i+1));nap;done;fi
told=;i=0
while known=$(family);[ -n "$known" ]&&[ $i -lt "$2" ];do
for m in $known;do case " $told" in *" $m "*);;*)kill -TERM "$m" 2>/dev/null;told="$told$m ";;esac;done
i=$((i+1));nap;done
i=0;while known=$(family);[ -n "$known" ]&&[ $i -lt "$3" ];do kill -KILL $known 2>/dev/null;i=$((i+1));nap;done
}
"""

# The number, whether it leads a session, and (where it is told) when it was started, in ticks since the boot.
_MYSELF = """\
p=$$;started=;leads=;known=
if read -r a </proc/$$/stat;then a=${a##*) };set -- $a;[ "$4" = $$ ]&&leads=1;shift 19;started=$1
else [ "$(ps -o pgid= -p $$|tr -d ' ')" = $$ ]&&leads=1;fi 2>/dev/null
"""

# Looked at once a second: nothing tells a shell that its connection is gone. Meanwhile the program's pipes have a
# second reader where that can be had (Linux): restic says a word before it removes its lock, and a word to nobody would
# be its death.
_WATCH = """\
there(){ [ -d "/proc/$1" ]||kill -0 "$1" 2>/dev/null;}
watch(){ trap '' INT HUP;exec 4</dev/null 5</dev/null
[ -p /proc/self/fd/1 ]&&exec 4</proc/self/fd/1;[ -p /proc/self/fd/2 ]&&exec 5</proc/self/fd/2
exec </dev/null >/dev/null 2>&1;cd /
while there "$p";do there "$up"||{ trap '' TERM;cat <&4 & cat <&5 & end %(interrupt)d %(terminate)d %(kill)d;exit;}
sleep 1;done;}
up=$PPID;(watch &)
"""

# Finds a program as a shell would: a name on the path, or an absolute path.
FIND = """\
find(){ case $1 in */*)[ -f "$1" ]&&[ -x "$1" ]&&found=$1;return;;esac
IFS=:;for d in $PATH;do if [ -f "$d/$1" ]&&[ -x "$d/$1" ];then found=$d/$1;break;fi;done;unset IFS;}
"""


class Place(msgspec.Struct, frozen=True):
    """A program that runs on a server: its number there, when it was started, and the number of its connection's
    process. `leads` says whether it leads a session of its own."""

    pid: int
    started: str
    leads: bool
    connection: int


class Leftover(msgspec.Struct, frozen=True):
    """What a cut left on a server, as the script that puts it away; `arguments` are its `$1` and so on."""

    source: str
    arguments: tuple[str, ...] = ()


def bootstrap(mark: str) -> str:
    """The one line that every login shell gets; the script follows on the input, up to a line that is `mark`."""
    return f"exec /bin/sh -c '{_READ_SCRIPT}' {mark}"


def sentence(words: Sequence[str]) -> str:
    """The words as a shell reads them back, in one line: the one place where arguments become a shell's text.

    Line ends would be read as the end of the script's line, so they are named: `$n` is one.
    """
    return shlex.join(words).replace("\n", "'\"$n\"'")


def encoded(text: str) -> bytes:
    """Words and paths as a server has them, also where ours is another system; what is no text passes through."""
    return text.encode("utf-8", "surrogateescape")


def decoded(said: bytes) -> str:
    """The other way round."""
    return said.decode("utf-8", "surrogateescape")


def script(lines: Iterable[str], mark: str) -> bytes:
    """What goes into the shell's input."""
    return encoded("\n".join((*lines, mark, "")))


def start(
    program: str,
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: str,
    mark: str,
    watched: Patience | None,
) -> bytes:
    """Starts a program instead of the shell, under the shell's own number.

    Says on the output and on the error output `<mark> started …`, or on the output `<mark> missing` and
    `<mark> no-folder`; when the system does not start the program after all, `<mark> failed` on the error output.
    """
    added = [f"export {name}={sentence([value])}" for name, value in environment.items()]
    return script(
        (
            _ENVIRONMENT,
            *added,
            FIND,
            f"m={mark}",
            f"found=;find {sentence([program])}",
            '[ -n "$found" ]||{ echo;echo "$m missing";exit 127;}',
            f'cd {sentence([folder or "/"])} 2>/dev/null||{{ echo;echo "$m no-folder";exit 126;}}',
            _MYSELF,
            *((_FAMILY, _WATCH % _looks(watched)) if watched is not None else ("up=$PPID",)),
            'echo >&2;echo "$m started" >&2',
            'echo;echo "$m started $p ${leads:-0} $up ${started:--}"',
            "command -v shopt >/dev/null&&shopt -s execfail",  # bash: else no trap is sprung
            "trap 'r=$?;echo >&2;echo \"$m failed $r\" >&2' EXIT",
            f'exec "$found" {sentence(arguments)}',
            "exit $?",
        ),
        mark,
    )


def end(place: Place, patience: Patience) -> str:
    """Ends a program and all it started, the program itself by an interrupt first, and says who does not end.

    Goes on to its end when it is left alone.
    """
    return _ending(place, patience, "", "%(interrupt)d")


def leftover(place: Place, patience: Patience) -> Leftover:
    """Ends a program that a cut left behind.

    Its watch has interrupted it or does it now (the process of its connection, should it linger, is ended for that),
    and gets the time for it.
    """
    return Leftover(_ending(place, patience, _LEAVE_TO_THE_WATCH % {"connection": place.connection}, "-1"))


def nameless(mark: str, patience: Patience) -> Leftover:
    """Ends a program that may have been started, or may be yet, when a cut came before its number was told.

    The shell that was to start it is known by its mark, and so is the watch, which has the program's session.
    """
    halves = mark[: len(mark) // 2], mark[len(mark) // 2 :]  # whole, it would be found among our own arguments
    looks = _looks(patience)
    ending = f"end {looks['interrupt']} {looks['terminate']} {looks['kill']}"
    return Leftover(f"trap '' HUP\n{_FIND_MARKED}\n{_FAMILY}{ending}\necho \"$known\"\n", halves)


def _ending(place: Place, patience: Patience, before: str, interrupt: str) -> str:
    known = f"p={place.pid};started={place.started};leads={1 if place.leads else ''};known=;me="
    ending = f"{before}end {interrupt} %(terminate)d %(kill)d" % _looks(patience)
    return f"trap '' HUP\n{known}\n{_FAMILY}{ending}\necho \"$known\"\n"


# The mark goes in by the input and by the environment: nobody is found by the words he looks for. A server that gives
# its programs no sessions of their own has all in one, which is ours too; there the watch has to do.
_FIND_MARKED = """\
m=$1$2
session(){ read -r a <"/proc/$1/stat";a=${a##*) };set -- $a;echo "$4";}
if [ -r /proc/self/cmdline ];then q=$(echo "$m"|grep -laFf - /proc/[0-9]*/cmdline|sed -n '1s/[^0-9]//gp')
p=$(session "${q:-none}");ours=$(session $$)
else p=$(ps -A -ww -o pgid= -o args=|m=$m awk 'index($0,ENVIRON["m"]){print $1;exit}')
ours=$(ps -o pgid= -p $$|tr -d ' ');fi 2>/dev/null
[ -n "$p" ]&&[ "$p" != "$ours" ]||exit 0
started=;leads=1;known=;me=
"""

# Only while it is still the parent of the program: its number may be somebody else's by now.
_LEAVE_TO_THE_WATCH = """\
parent(){ if read -r a <"/proc/$p/stat";then a=${a##*) };set -- $a;echo "$2"
else ps -o ppid= -p "$p"|tr -d ' ';fi 2>/dev/null;}
known=$(family);runs&&[ "$(parent)" = %(connection)d ]&&kill -TERM %(connection)d
i=0;while known=$(family);[ -n "$known" ]&&[ $i -lt $((%%(interrupt)d+%%(terminate)d+60)) ];do i=$((i+1));nap;done
"""


def _looks(patience: Patience) -> dict[str, int]:
    """The patience in numbers of looks."""
    return {name: max(1, round(getattr(patience, name) / NAP)) for name in ("interrupt", "terminate", "kill")}
