#!/bin/sh
# Have ecsauth-verify.service tell the Auto Scaling group `web`, at its lifecycle hook `ecsauth`, that the agent has registered.
mkdir -p /etc/systemd/system/ecsauth-verify.service.d
cat >/etc/systemd/system/ecsauth-verify.service.d/continue.conf <<'END'
[Service]
ExecStartPost=/usr/local/bin/ecsauth-continue web ecsauth
END
cat >/usr/local/bin/ecsauth-continue <<'END'
#!/usr/bin/python3 -IS
# ecsauth-continue GROUP HOOK: let this instance into its Auto Scaling group.
import hashlib, hmac, http.client, json, sys, time
from urllib.parse import urlencode

def ask(server, method, path, headers, body=""):
    server.request(method, path, body, headers)
    answer = server.getresponse()
    return answer.status, answer.read(65536).decode()

def metadata(path):
    return ask(imds, "GET", "/latest/meta-data/" + path, token)[1]

def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()

imds, name = http.client.HTTPConnection("169.254.169.254", timeout=5), "x-aws-ec2-metadata-token"
token = {name: ask(imds, "PUT", "/latest/api/token", {name + "-ttl-seconds": "60"})[1]}
region, roles = metadata("placement/region"), "iam/security-credentials/"
role = json.loads(metadata(roles + metadata(roles)))
body = urlencode({
    "Action": "CompleteLifecycleAction", "Version": "2011-01-01", "LifecycleActionResult": "CONTINUE",
    "AutoScalingGroupName": sys.argv[1], "LifecycleHookName": sys.argv[2], "InstanceId": metadata("instance-id")})
host, now = "autoscaling." + region + "." + metadata("services/domain"), time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
headers = {"content-type": "application/x-www-form-urlencoded", "host": host, "x-amz-date": now,
           "x-amz-security-token": role["Token"]}
names, lines = ";".join(headers), [f"{name}:{headers[name]}" for name in headers]
request, scope = "\n".join(["POST", "/", "", *lines, "", names, sha256(body)]), f"{now[:8]}/{region}/autoscaling/aws4_request"
key = ("AWS4" + role["SecretAccessKey"]).encode()
for part in [*scope.split("/"), f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{sha256(request)}"]:
    key = hmac.new(key, part.encode(), "sha256").digest()
headers["authorization"] = (
    f"AWS4-HMAC-SHA256 Credential={role['AccessKeyId']}/{scope},SignedHeaders={names},Signature={key.hex()}")
status, said = ask(http.client.HTTPSConnection(host, timeout=10), "POST", "/", headers, body)
if status != 200 and "No active Lifecycle Action" not in said:
    sys.exit(f"ecsauth-continue: {host} answers {status}")
END
chmod 755 /usr/local/bin/ecsauth-continue
