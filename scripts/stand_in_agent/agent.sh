#!/bin/sh
# Stands in for the Amazon ECS agent where no AWS account is at hand: it registers or fails as the real one does, keeps
# its state, serves the introspection API, and proves that it was given the credentials. Runs on busybox alone, as
# process 1 of its container. agent.py beside it does the same for hosts without a static busybox.
#
# What it does, says and exits with was seen of amazon-ecs-agent 1.105.1; the log lines are those of agent/app/agent.go
# and ecs-agent/api/ecs/client/ecs_client.go.
#
# Options, NAME=VALUE: ecs (how ECS answers: registers, unavailable, silent, refused, denied, no-cluster), until (the
# second since 1970 from which ECS registers again), second (how long a second of the real agent takes here), delay
# (seconds before it asks ECS, or exits), exit (status to end with), listen=no, registered=no (answers without having
# registered, which the real one never does), tasks=yes, cluster (the one that it says it is in), blab=yes (logs its
# credentials, which the real one must never do). A line ecs=, until= or second= of /data/stand-in.ecs wins; the file is
# read before each try, so ECS can change its mind while the agent runs.
set -eu

# Process 1 has no default handlers: without this, docker stop takes its full ten seconds.
trap 'exit 0' TERM INT

answers=/data/stand-in.ecs
ecs=registers until='' second=0.02
delay=0 exit='' listen=yes registered=yes tasks=no told='' blab=no
for option; do
    value=${option#*=}
    case $option in
        ecs=*) ecs=$value ;;
        until=*) until=$value ;;
        second=*) second=$value ;;
        delay=*) delay=$value ;;
        exit=*) exit=$value ;;
        listen=*) listen=$value ;;
        registered=*) registered=$value ;;
        tasks=*) tasks=$value ;;
        cluster=*) told=$value ;;
        blab=*) blab=$value ;;
        *) echo "stand-in agent: unknown option ${option%%=*}" && exit 2 ;;
    esac
done
cluster=${ECS_CLUSTER:-default}
host=ecs.eu-central-1.amazonaws.com account=eu-central-1:123456789012

# A line of the log: its level, then what it says, as logfmt.
say() {
    echo "level=$1 time=$(date -u +%Y-%m-%dT%H:%M:%SZ) $2"
}

# So many seconds of the real agent. In the background and waited for: the shell runs a trap only between commands, and
# wait ends at once.
pause() {
    for _ in $(seq "$1"); do
        sleep "$second" &
        wait $!
    done
}

# The SHA-256 of a variable's bytes as JSON; null where it is not set.
hash_of() {
    eval "[ -n \"\${$1+set}\" ]" || { printf null && return; }
    eval "printf '\"%s\"' \"\$(printf %s \"\$$1\" | sha256sum | cut -c 1-64)\""
}

# Whether the agent saves its state: ECS_CHECKPOINT, where Go reads a boolean in it, or else whether there is a place.
keeps_state() {
    case ${ECS_CHECKPOINT-} in
        1 | t | T | true | TRUE | True) ;;
        0 | f | F | false | FALSE | False) return 1 ;;
        *) [ -n "${ECS_DATADIR-}" ] ;;
    esac
}

# The saved state: the cluster and the container instance, a line each; nothing saved, nothing read.
restore() {
    saved='' instance=''
    if keeps_state && [ -s "$state" ]; then
        { read -r saved && read -r instance; } <"$state"
    fi
    [ -n "$saved" ] || return 0
    if [ "$saved" != "$cluster" ]; then
        mismatch="Data mismatch; saved cluster '$saved' does not match configured cluster '$cluster'."
        mismatch="$mismatch Perhaps you want to delete the configured checkpoint file?"
        say critical "msg=\"Error restoring cluster\" previousCluster=\"$saved\" configuredCluster=\"$cluster\" error=\"$mismatch\""
        say critical "msg=\"Unable to initialize new task engine: $mismatch\" module=agent.go"
        exit 5
    fi
    say info "msg=\"Restored from checkpoint file\" containerInstanceARN=\"$instance\" cluster=\"$cluster\""
}

save() {
    keeps_state || return 0
    mkdir -p "${state%/*}"
    printf '%s\n%s\n' "$cluster" "$instance" >"$state.new"
    mv "$state.new" "$state"
}

# How ECS answers now.
ask_ecs() {
    if [ -s "$answers" ]; then
        while read -r line; do
            case $line in
                ecs=*) ecs=${line#*=} ;;
                until=*) until=${line#*=} ;;
                second=*) second=${line#*=} ;;
            esac
        done <"$answers"
    fi
    if [ -n "$until" ] && [ "$(date +%s)" -ge "$until" ]; then ecs=registers; fi
}

# An error of the SDK: what it ends with is why.
sdk() {
    echo "operation error ECS: RegisterContainerInstance, $1"
}

# The end of an agent that ECS has refused: status, error.
give_up() {
    say error "msg=\"Received terminal error from RegisterContainerInstance call, exiting\" error=\"$2\""
    if [ -n "$instance" ]; then
        doing=re-registering try=re-registration
    else
        doing=registering try=registration
    fi
    say error "msg=\"Error $doing container instance\" error=\"$2\""
    if [ "$1" = 5 ]; then
        say critical "msg=\"Instance $try attempt with client performing invalid action\" error=\"$2\""
        say critical "msg=\"Agent will terminally exit, unable to register container instance:\" error=\"$2\""
    fi
    exit "$1"
}

# Returns when ECS has registered the agent.
register() {
    [ -n "$instance" ] || say info 'msg="Registering Instance with ECS"'
    tries=0
    while :; do
        pause 1
        ask_ecs
        request="RequestID: 0d9f8a52-7e1c-4b6a-9a35-c1b2a3d4e5f6"
        case $ecs in
            registers) break ;;
            silent) ;;
            unavailable)
                error=$(sdk "exceeded maximum number of attempts, 3, https response error StatusCode: 503, $request, api error ServiceUnavailable: Service Unavailable")
                say error "msg=\"Received non-terminal error from RegisterContainerInstance call, retrying with exponential backoff\" error=\"$error\""
                pause 2
                ;;
            refused)
                tries=$((tries + 1))
                if [ "$tries" = 3 ]; then
                    give_up 1 "$(sdk "exceeded maximum number of attempts, 3, https response error StatusCode: 0, RequestID: , request send failed, Post \\\"https://$host/\\\": dial tcp 203.0.113.7:443: connect: connection refused")"
                fi
                pause 5
                ;;
            denied)
                give_up 1 "$(sdk "https response error StatusCode: 400, $request, api error AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/ecsInstanceRole/i-0123456789abcdef0 is not authorized to perform: ecs:RegisterContainerInstance on resource: arn:aws:ecs:$account:cluster/${cluster##*/} because no identity-based policy allows the ecs:RegisterContainerInstance action")"
                ;;
            no-cluster)
                give_up 5 "$(sdk "https response error StatusCode: 400, $request, ClientException: Cluster not found.")"
                ;;
            *) echo "stand-in agent: unknown answer of ECS $ecs" && exit 2 ;;
        esac
    done
    if [ -z "$instance" ]; then
        number=$(sha256sum </proc/sys/kernel/random/uuid | cut -c 1-32)
        instance="arn:aws:ecs:$account:container-instance/${cluster##*/}/$number"
        say info "msg=\"Instance registration completed successfully\" instanceArn=\"$instance\" cluster=\"$cluster\""
    fi
    save
}

say info 'msg="Starting Amazon ECS Agent" version="1.105.1" commit="00000000"'
say info 'msg="Loading configuration"'
proof="{\"ECS_ENGINE_AUTH_TYPE\":$(hash_of ECS_ENGINE_AUTH_TYPE),\"ECS_ENGINE_AUTH_DATA\":$(hash_of ECS_ENGINE_AUTH_DATA)}"
echo "stand-in agent: proof $proof"
if [ "$blab" = yes ]; then
    for number in 1 2 3 4 5 6 7 8 9 10; do
        echo "stand-in agent: try $number with ${ECS_ENGINE_AUTH_DATA:-nothing}"
    done
    echo "stand-in agent: type ${ECS_ENGINE_AUTH_TYPE:-none}, data ${ECS_ENGINE_AUTH_DATA:-none}" >&2
fi
sleep "$delay" &
wait $!
if [ -n "$exit" ]; then
    echo "stand-in agent: exits with $exit"
    exit "$exit"
fi
place=${ECS_DATADIR:-/data}
state=${place%/}/stand-in.state
instance=''
if [ "$registered" = yes ] && [ "$listen" = yes ]; then
    restore
    register
fi

list=''
if [ "$tasks" = yes ]; then
    list='{"Arn":"arn:aws:ecs:eu-central-1:123456789012:task/web/00000000000000000000000000000002",'
    list="$list"'"DesiredStatus":"RUNNING","KnownStatus":"RUNNING","Family":"web","Version":"1","Containers":'
    list="$list"'[{"DockerId":"0000000000000000","DockerName":"ecs-web-1-web-00","Name":"web"}]}'
fi
mkdir -p /www/v1 /credentials
[ -z "$instance" ] && name=null || name="\"$instance\""
printf '{"Cluster":"%s","ContainerInstanceArn":%s,"Version":"Amazon ECS Agent - v1.105.1 (stand-in)"}\n' \
    "${told:-$cluster}" "$name" >/www/v1/metadata
printf '{"Tasks":[%s]}\n' "$list" >/www/v1/tasks
printf '%s\n' "$proof" >/www/proof

if [ "$listen" = yes ]; then
    echo "stand-in agent: cluster ${told:-$cluster}, listening on 51678, and on 127.0.0.1:51679"
    # The task credentials' own port: there are none.
    httpd -f -p 127.0.0.1:51679 -h /credentials &
    httpd -f -p 51678 -h /www &
else
    sleep 86400 &
fi
wait $!
