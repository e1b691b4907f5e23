# touchdown: runs a connector as the platform does, on the pipes in $0; $1 are its arguments.
[ -p "$0/stdin" ] || exit 96
(trap : TERM; eval "$AIRBYTE_ENTRYPOINT $1") > "$0/stdout" 2> "$0/stderr" < "$0/stdin" &
child=$!
trap 'kill -TERM -1' TERM
wait $child
code=$?
while kill -0 $child 2> /dev/null; do
  wait $child
  code=$?
done
left=0
for process in /proc/[0-9]*; do
  process=${process#/proc/}
  state=
  # Not its command line: a process that is just about to run another has none for a moment.
  [ "$process" = 1 ] || [ "$process" = $$ ] || read -r _ _ state _ < "/proc/$process/stat"
  case $state in ''|Z) ;; *) left=$((left + 1)) ;; esac
done 2> /dev/null
killed=0
for file in /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control; do
  [ -r $file ] || continue
  while read -r name count; do
    [ "$name" = oom_kill ] && killed=$count
  done < $file
done
{ echo "$code $left $killed"; times; echo end; } > "$0/exit"
# A child that ends may break off a wait for the pipe.
while [ $left != 0 ] && [ -p "$0/release" ]; do
  read -r line < "$0/release" && break
done
exit $code
