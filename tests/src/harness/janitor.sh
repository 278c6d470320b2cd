# Cleans up after a test process, however it ended. It reads lines from a pipe that only the test process holds:
#   child PID SIGNAL     the leader of a process group to be ended, first by that signal
#   gone PID             it has ended
#   directory PATH       a folder to be removed
#   removed PATH         it has been removed
# and does the work when the pipe closes.
declare -A children directories

while read -r verb value signal; do
    case $verb in
        child) children[$value]=$signal ;;
        gone) unset "children[$value]" ;;
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
for directory in "${!directories[@]}"; do
    rm -rf -- "$directory"
done
