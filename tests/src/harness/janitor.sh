# shellcheck shell=bash
# Cleans up after a test process, however it ended. It reads lines from a pipe that only the test process holds:
#   child PID SIGNAL     the leader of a process group to be ended, first by that signal
#   gone PID             it has ended
#   mount PATH           a file system to be unmounted
#   unmounted PATH       it has been unmounted
#   directory PATH       a folder to be removed
#   removed PATH         it has been removed
# and does the work when the pipe closes.
declare -A children mounts directories

while read -r verb value signal; do
    case $verb in
        child) children[$value]=$signal ;;
        gone) unset "children[$value]" ;;
        mount) mounts[$value]=yes ;;
        unmounted) unset "mounts[$value]" ;;
        directory) directories[$value]=yes ;;
        removed) unset "directories[$value]" ;;
    esac
done

alive() {
    local state
    state=$(sed -E 's/.*\) (.).*/\1/' "/proc/$1/stat" 2>/dev/null) && [[ $state != Z ]]
}

for pid in "${!children[@]}"; do
    kill -s "${children[$pid]}" "$pid" 2>/dev/null
done
for pid in "${!children[@]}"; do
    for _ in {1..100}; do
        alive "$pid" || break
        sleep 0.05
    done
    kill -s KILL -- "-$pid" 2>/dev/null
done
# Who has no terminal cannot be asked for a password.
as_root=()
[[ $EUID -eq 0 ]] || as_root=(sudo --non-interactive)
for mount in "${!mounts[@]}"; do
    "${as_root[@]}" umount --lazy "$mount"
done
for directory in "${!directories[@]}"; do
    rm -rf -- "$directory"
done
