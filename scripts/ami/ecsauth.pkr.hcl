# An AMI with ecsauth baked in, for those who use Packer: the newest ECS-optimized Amazon Linux 2023, and the boot archive
# of this machine, checked by its SHA-256, as /usr/local/bin/ecsauth. User data is then two lines: `ecsauth user-data`
# without --archive.
#
#   packer init scripts/ami/ecsauth.pkr.hcl
#   packer build -var "sha256=$(sha256sum <dist/ecsauth | cut -d ' ' -f 1)" scripts/ami/ecsauth.pkr.hcl

packer {
  required_plugins {
    amazon = {
      source  = "github.com/hashicorp/amazon"
      version = "~> 1.3"
    }
  }
}

variable "archive" {
  type        = string
  default     = "dist/ecsauth"
  description = "where ecsauth archive build has put it"
}

variable "sha256" {
  type        = string
  description = "of the archive, as `ecsauth archive publish` prints it"

  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.sha256))
    error_message = "The SHA-256 has to be 64 hexadecimal digits."
  }
}

variable "region" {
  type    = string
  default = "eu-central-1"
}

data "amazon-parameterstore" "ecs" {
  name   = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id"
  region = var.region
}

source "amazon-ebs" "ecs" {
  ami_name      = "ecs-with-ecsauth-{{timestamp}}"
  region        = var.region
  source_ami    = data.amazon-parameterstore.ecs.value
  instance_type = "t3.small"
  ssh_username  = "ec2-user"
  imds_support  = "v2.0"
  metadata_options {
    http_endpoint = "enabled"
    http_tokens   = "required"
  }
}

build {
  sources = ["source.amazon-ebs.ecs"]

  provisioner "file" {
    source      = var.archive
    destination = "/var/tmp/ecsauth"
  }

  provisioner "shell" {
    script          = "${path.root}/bake"
    execute_command = "chmod +x {{ .Path }}; sudo {{ .Path }} ${var.sha256}"
  }
}
