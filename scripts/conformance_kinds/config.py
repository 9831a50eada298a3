"""config.jsonl: one variable through the agent's configuration loader (agent/config, NewConfig)."""

from __future__ import annotations

from typing import Any, Optional

from ecsauth.agent.config import ConfigVerdict, Effect, effect

# Field of Go's config.Config that a boolean, integer or duration ends up in.
_FIELDS = {
    "ECS_APPARMOR_CAPABLE": "AppArmorCapable",
    "ECS_AUDIT_LOGFILE_DISABLED": "CredentialsAuditLogDisabled",
    "ECS_AWSVPC_BLOCK_IMDS": "AWSVPCBlockInstanceMetdata",
    "ECS_CGROUP_CPU_PERIOD": "CgroupCPUPeriod",
    "ECS_CHECKPOINT": "Checkpoint",
    "ECS_CONTAINER_CREATE_TIMEOUT": "ContainerCreateTimeout",
    "ECS_CONTAINER_START_TIMEOUT": "ContainerStartTimeout",
    "ECS_CONTAINER_STOP_TIMEOUT": "DockerStopTimeout",
    "ECS_DISABLE_DOCKER_HEALTH_CHECK": "DisableDockerHealthCheck",
    "ECS_DISABLE_IMAGE_CLEANUP": "ImageCleanupDisabled",
    "ECS_DISABLE_METRICS": "DisableMetrics",
    "ECS_DISABLE_PRIVILEGED": "PrivilegedDisabled",
    "ECS_DISABLE_TASK_METADATA_AZ": "TaskMetadataAZDisabled",
    "ECS_DOMAIN_JOINED_LINUX_INSTANCE": "GMSACapable",
    "ECS_EBSTA_SUPPORTED": "EBSTASupportEnabled",
    "ECS_ENABLE_AWSLOGS_EXECUTIONROLE_OVERRIDE": "OverrideAWSLogsExecutionRole",
    "ECS_ENABLE_CONTAINER_METADATA": "ContainerMetadataEnabled",
    "ECS_ENABLE_FIRELENS_ASYNC": "FirelensAsyncEnabled",
    "ECS_ENABLE_GPU_SUPPORT": "GPUSupportEnabled",
    "ECS_ENABLE_HIGH_DENSITY_ENI": "ENITrunkingEnabled",
    "ECS_ENABLE_INF_SUPPORT": "InferentiaSupportEnabled",
    "ECS_ENABLE_PROMETHEUS_METRICS": "PrometheusMetricsEnabled",
    "ECS_ENABLE_RUNTIME_STATS": "EnableRuntimeStats",
    "ECS_ENABLE_SPOT_INSTANCE_DRAINING": "SpotInstanceDrainingEnabled",
    "ECS_ENABLE_TASK_CPU_MEM_LIMIT": "TaskCPUMemLimit",
    "ECS_ENABLE_TASK_ENI": "TaskENIEnabled",
    "ECS_ENABLE_TASK_IAM_ROLE": "TaskIAMRoleEnabled",
    "ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST": "TaskIAMRoleEnabledForNetworkHost",
    "ECS_ENABLE_UNTRACKED_IMAGE_CLEANUP": "DeleteNonECSImagesEnabled",
    "ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION": "TaskCleanupWaitDuration",
    "ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION_JITTER": "TaskCleanupWaitDurationJitter",
    "ECS_EXCLUDE_IPV6_PORTBINDING": "ShouldExcludeIPv6PortBinding",
    "ECS_EXTERNAL": "External",
    "ECS_GMSA_SUPPORTED": "GMSACapable",
    "ECS_IMAGE_CLEANUP_INTERVAL": "ImageCleanupInterval",
    "ECS_IMAGE_MINIMUM_CLEANUP_AGE": "MinimumImageDeletionAge",
    "ECS_IMAGE_PULL_INACTIVITY_TIMEOUT": "ImagePullInactivityTimeout",
    "ECS_IMAGE_PULL_TIMEOUT": "ImagePullTimeout",
    "ECS_MANIFEST_PULL_TIMEOUT": "ManifestPullTimeout",
    "ECS_NUM_IMAGES_DELETE_PER_CYCLE": "NumImagesToDeletePerCycle",
    "ECS_POLLING_METRICS_WAIT_DURATION": "PollingMetricsWaitDuration",
    "ECS_POLL_METRICS": "PollMetrics",
    "ECS_PROPAGATE_TASK_MEMORY_LIMIT_CGROUPV2": "PropagateTaskMemoryLimitCgroupV2",
    "ECS_PULL_DEPENDENT_CONTAINERS_UPFRONT": "DependentContainersPullUpfront",
    "ECS_RESERVED_MEMORY": "ReservedMemory",
    "ECS_SELINUX_CAPABLE": "SELinuxCapable",
    "ECS_SHARED_VOLUME_MATCH_FULL_CONFIG": "SharedVolumeMatchFullConfig",
    "ECS_TASK_PIDS_LIMIT": "TaskPidsLimit",
    "ECS_UPDATES_ENABLED": "UpdatesEnabled",
    "ECS_WARM_POOLS_CHECK": "WarmPoolsSupport",
    "NONECS_NUM_CONTAINERS_DELETE_PER_CYCLE": "NumNonECSContainersToDeletePerCycle",
    "NON_ECS_IMAGE_MINIMUM_CLEANUP_AGE": "NonECSMinimumImageDeletionAge",
    "ZZZ_SKIP_DOMAIN_JOIN_CHECK_NOT_SUPPORTED_IN_PRODUCTION": "GMSACapable",
    "ZZZ_SKIP_DOMAIN_LESS_CHECK_NOT_SUPPORTED_IN_PRODUCTION": "GMSADomainlessCapable",
}
_SEVERITY = list(ConfigVerdict)


def disagreement(case: dict[str, Any]) -> Optional[str]:
    """Return None if the model says of the case what the agent did, else what differs."""
    expected, modelled = _recorded_verdict(case), _modelled_verdict(case)
    if modelled is not expected:
        return f"the agent: {expected.value}; modelled: {modelled.value}"
    if expected is ConfigVerdict.FATAL or case["var"] not in _FIELDS:
        return None
    outcome = _outcome(case["var"], case["value"] or "", case["other_env"])
    baseline = _outcome(case["var"], "", {}).default
    changed = (case["changed"] or {}).get(_FIELDS[case["var"]])
    value = baseline if changed is None else changed
    return None if _same(outcome.effective, value) else f"in force: {value}; modelled: {outcome.effective}"


def _recorded_verdict(case: dict[str, Any]) -> ConfigVerdict:
    if case["error"]:
        return ConfigVerdict.FATAL
    return ConfigVerdict.WARNED if case["logs"] else ConfigVerdict.QUIET


def _modelled_verdict(case: dict[str, Any]) -> ConfigVerdict:
    """Return the worst verdict of all variables; AWS_DEFAULT_REGION counts when it is absent, too."""
    environment = {"AWS_DEFAULT_REGION": "", **case["other_env"], case["var"]: case["value"] or ""}
    verdicts = (_outcome(name, value, environment).verdict for name, value in environment.items())
    return max(verdicts, key=_SEVERITY.index)


def _outcome(name: str, value: str, other: dict[str, str]) -> Effect:
    """Return the effect on an agent without a metadata service, as the cases were recorded."""
    return effect(name, value, other, region_elsewhere=False)


def _same(left: object, right: object) -> bool:
    """Compare values, with true and 1 as different ones."""
    return type(left) is type(right) and left == right
