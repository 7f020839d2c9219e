#!/usr/bin/env bash
# agent.sh HOST COMMAND: runs a command line on one of hosts.py's hosts, as ssh would; mpirun starts
# its daemons by it. Addresses stand for names.
case $1 in
    10.213.7.1) host=host0 ;;
    10.213.7.2) host=host1 ;;
    *) host=$1 ;;
esac
shift
# shellcheck disable=SC2016 # expanded by the inner shell
exec nsenter --net=/run/netns/"$host" unshare --uts bash -c 'echo "$1" >/proc/sys/kernel/hostname; shift; bash -c "$*"' sh "$host" "$@"
