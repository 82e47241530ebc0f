#!/usr/bin/env bash
# Sees to the programs that tests drive. A test whose program is missing skips, and says so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/debian.sh
source scripts/debian.sh

has_any() {
  local name
  for name in "$@"; do
    if command -v "$name" >/dev/null; then return; fi
  done
  return 1
}

BROWSERS=(chromium chromium-browser google-chrome)

if ! has_any "${BROWSERS[@]}" && can_apt; then
  echo "Installing Chromium from Debian packages for the browser tests"
  apt_install chromium || true
fi
if ! has_any "${BROWSERS[@]}"; then
  printf '\n%s\n%s\n\n' \
    "!!! NO CHROMIUM: the browser tests WILL BE SKIPPED." \
    "!!! Install it (Debian: apt-get install chromium) and run again to test everything." >&2
fi

# Debian keeps initdb away from the path.
has_postgres() {
  has_any initdb || compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null
}

if ! has_postgres && can_apt; then
  echo "Installing PostgreSQL from Debian packages for the publishing tests"
  # No cluster of the package's own: the tests start one, on loopback, and stop it.
  mkdir -p /etc/postgresql-common
  if [[ ! -e /etc/postgresql-common/createcluster.conf ]]; then
    echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
  fi
  apt_install postgresql || true
fi
if ! has_postgres; then
  printf '\n%s\n%s\n\n' \
    "!!! NO POSTGRESQL: the publishing tests WILL BE SKIPPED." \
    "!!! Install it (Debian: apt-get install postgresql) and run again to test everything." >&2
fi

has_promtool() {
  has_any promtool || [[ -x .venv/bin/promtool ]]
}

if ! has_promtool && can_apt; then
  echo "Taking promtool out of Debian's package prometheus for the metrics tests"
  apt_extract prometheus usr/bin/promtool .venv/bin || true
fi
if ! has_promtool; then
  printf '\n%s\n%s\n\n' \
    "!!! NO PROMTOOL: Prometheus' own check of metrics and rules WILL BE SKIPPED." \
    "!!! Install it (Debian: apt-get install prometheus) and run again to test everything." >&2
fi
