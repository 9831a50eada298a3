#!/bin/sh
# Stands in for docker's command line on a simulated instance: the containers of the ECS agent as folders of files, so
# that many instances are on one machine. What the commands do was seen with engine 20.10.
#
# The line below is replaced by the folder. A container with a label ecsauth.version that stands in its file `fails` exits
# with 5 when it is made, as an agent whose cluster is not there; what it has logged is in its file `log`.
containers=@CONTAINERS@
set -eu

absent() {
    echo "Error: No such container: $1" >&2
    exit 1
}

# The environment of the agent as JSON: the only call for which a shell is not enough.
environment() {
    exec @PYTHON@ -IS -c 'import json, sys; print(json.dumps(sys.stdin.read().splitlines()))' <"$1/env"
}

inspect() {
    format=$1 one=$containers/$2
    [ -d "$one" ] || absent "$2"
    [ "$format" != '{{json .Config.Env}}' ] || environment "$one"
    policy=$(cat "$one/policy") retries=0
    case $policy in
        *:*) retries=${policy#*:} policy=${policy%:*} ;;
    esac
    printf '{"container_id":"%s","running":%s,"exit_code":%s,"restarting":false,"restart_count":0,' \
        "$(cat "$one/id")" "$(cat "$one/running")" "$(cat "$one/code")"
    printf '"started_at":"%s","restart_policy":"%s","retries":%s,"auto_remove":false,' \
        "$(cat "$one/started")" "$policy" "$retries"
    printf '"labels":{"ecsauth.version":"%s","ecsauth.plan":"%s"},' "$(cat "$one/version")" "$(cat "$one/plan")"
    printf '"mounts":[{"Source":"/var/lib/ecs/data","Destination":"/data"}],"variables":["ECS_DATADIR=/data/",""]}\n'
}

start() {
    date -u +%Y-%m-%dT%H:%M:%S.%NZ >"$1/started"
    echo true >"$1/running"
    echo 0 >"$1/code"
    if grep -qxF "$(cat "$1/version")" "$containers/fails" 2>/dev/null; then
        echo false >"$1/running"
        echo 5 >"$1/code"
    fi
}

run() {
    name='' version='' plan='' policy=no file=/dev/null
    for option; do
        case $option in
            --label=ecsauth.version=*) version=${option#--label=ecsauth.version=} ;;
            --label=ecsauth.plan=*) plan=${option#--label=ecsauth.plan=} ;;
            --restart=*) policy=${option#--restart=} ;;
            --env-file=*) file=${option#--env-file=} ;;
            ecs-agent) name=$option ;;
        esac
    done
    if ! mkdir "$containers/$name" 2>/dev/null; then
        echo "docker: Error response from daemon: Conflict. The container name \"/$name\" is already in use" >&2
        exit 125
    fi
    one=$containers/$name
    cat "$file" >"$one/env"
    echo "$version" >"$one/version"
    echo "$plan" >"$one/plan"
    echo "$policy" >"$one/policy"
    od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$one/id"
    start "$one"
    cat "$one/id"
}

case $1 in
    version) echo 27.0.0 ;;
    image | pull) ;;
    container) inspect "$4" "$5" ;;
    run)
        shift
        run "$@"
        ;;
    logs)
        [ -d "$containers/$3" ] || absent "$3"
        [ "$(cat "$containers/$3/code")" -eq 0 ] || cat "$containers/log"
        ;;
    update | stop | start | rename | rm)
        # What changes a container has its name last, but for the new name of `rename`.
        for name; do :; done
        [ "$1" != rename ] || name=$2
        one=$containers/$name
        if [ ! -d "$one" ]; then
            [ "$1" != rm ] || exit 0
            absent "$name"
        fi
        case $1 in
            update) echo "${2#--restart=}" >"$one/policy" ;;
            stop) echo false >"$one/running" ;;
            start) start "$one" ;;
            rename) mv "$one" "$containers/$3" ;;
            rm) rm -r "$one" ;;
        esac
        ;;
    *)
        echo "the stand-in has no docker $1" >&2
        exit 125
        ;;
esac
