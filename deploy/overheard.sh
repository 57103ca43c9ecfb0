#!/bin/sh
# `overheard` for an operator of the services of deploy/systemd: as their user, with their settings.
# Installed as /usr/local/bin/overheard; run it as root: sudo overheard users list
set -eu
set -a
# shellcheck source=/dev/null
. /etc/overheard/settings
OVERHEARD_HOME=${OVERHEARD_HOME:-/var/lib/overheard}
set +a
cd "$OVERHEARD_HOME"
exec setpriv --reuid=overheard --regid=overheard --init-groups /opt/overheard/.venv/bin/overheard "$@"
