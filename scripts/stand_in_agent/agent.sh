#!/bin/sh
# Stands in for the Amazon ECS agent where no AWS account is at hand: the introspection API of an agent that has
# registered, and the proof that it was given the credentials. Runs on busybox alone, as process 1 of its container.
# agent.py beside it does the same for hosts without a static busybox.
#
# Options, NAME=VALUE: delay (seconds before it registers or exits), exit (status to end with), listen=no,
# registered=no (answers, but names no container instance), tasks=yes, cluster (instead of ECS_CLUSTER), blab=yes (logs
# its credentials, which the real one must never do).
set -eu

# Process 1 has no default handlers: without this, docker stop takes its full ten seconds.
trap 'exit 0' TERM INT

delay=0 exit='' listen=yes registered=yes tasks=no cluster=${ECS_CLUSTER:-default} blab=no
for option; do
    value=${option#*=}
    case $option in
        delay=*) delay=$value ;;
        exit=*) exit=$value ;;
        listen=*) listen=$value ;;
        registered=*) registered=$value ;;
        tasks=*) tasks=$value ;;
        cluster=*) cluster=$value ;;
        blab=*) blab=$value ;;
        *) echo "stand-in agent: unknown option ${option%%=*}" && exit 2 ;;
    esac
done

# The SHA-256 of a variable's bytes as JSON; null where it is not set.
hash_of() {
    eval "[ -n \"\${$1+set}\" ]" || { printf null && return; }
    eval "printf '\"%s\"' \"\$(printf %s \"\$$1\" | sha256sum | cut -c 1-64)\""
}

instance=null
if [ "$registered" = yes ]; then
    instance="\"arn:aws:ecs:eu-central-1:123456789012:container-instance/$cluster/00000000000000000000000000000001\""
fi
list=''
if [ "$tasks" = yes ]; then
    list='{"Arn":"arn:aws:ecs:eu-central-1:123456789012:task/web/00000000000000000000000000000002",'
    list="$list"'"DesiredStatus":"RUNNING","KnownStatus":"RUNNING","Family":"web","Version":"1","Containers":'
    list="$list"'[{"DockerId":"0000000000000000","DockerName":"ecs-web-1-web-00","Name":"web"}]}'
fi
proof="{\"ECS_ENGINE_AUTH_TYPE\":$(hash_of ECS_ENGINE_AUTH_TYPE),\"ECS_ENGINE_AUTH_DATA\":$(hash_of ECS_ENGINE_AUTH_DATA)}"

mkdir -p /www/v1
printf '{"Cluster":"%s","ContainerInstanceArn":%s,"Version":"Amazon ECS Agent - v1.105.1 (stand-in)"}\n' \
    "$cluster" "$instance" >/www/v1/metadata
printf '{"Tasks":[%s]}\n' "$list" >/www/v1/tasks
printf '%s\n' "$proof" >/www/proof
echo "stand-in agent: proof $proof"
if [ "$blab" = yes ]; then
    for number in 1 2 3 4 5 6 7 8 9 10; do
        echo "stand-in agent: try $number with ${ECS_ENGINE_AUTH_DATA:-nothing}"
    done
    echo "stand-in agent: type ${ECS_ENGINE_AUTH_TYPE:-none}, data ${ECS_ENGINE_AUTH_DATA:-none}" >&2
fi

# In the background and waited for: the shell runs a trap only between commands, and wait ends at once.
sleep "$delay" &
wait $!
if [ -n "$exit" ]; then
    echo "stand-in agent: exits with $exit"
    exit "$exit"
fi
if [ "$listen" = yes ]; then
    echo "stand-in agent: cluster $cluster, listening on 127.0.0.1:51678"
    httpd -f -p 127.0.0.1:51678 -h /www &
else
    sleep 86400 &
fi
wait $!
