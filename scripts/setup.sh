#!/usr/bin/env bash
# Makes a fresh clone ready: Python packages, Java, the engine's JARs. May run any number of times.
#
#   scripts/setup.sh         everything
#   scripts/setup.sh tools   only .venv and uv, for `make lock`
#
# PYTHON names another Python 3.11 than the one in PATH.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/debian.sh
source scripts/debian.sh

VENV_PYTHON=.venv/bin/python
UV=.venv/uv/bin/uv
OLDEST_JAVA=17
ENVIRONMENT_EXIT=3 # as `clickstream` exits when the machine lacks something

say() { printf '\033[1m==>\033[0m %s\n' "$*"; }

fail() {
  printf 'setup: %s\n' "$@" >&2
  exit "$ENVIRONMENT_EXIT"
}

is_python_311() {
  "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' >/dev/null 2>&1
}

find_python() {
  local candidate
  for candidate in ${PYTHON:+"$PYTHON"} python3.11 python3; do
    if command -v "$candidate" >/dev/null && is_python_311 "$candidate"; then
      command -v "$candidate"
      return
    fi
  done
  fail "This project needs Python 3.11; neither python3.11 nor python3 in PATH is one." \
    "Get it by one of: apt-get install python3.11 python3.11-venv / brew install python@3.11 /" \
    "pyenv install 3.11 / uv python install 3.11; then run make setup again, or" \
    "make setup PYTHON=/path/to/python3.11"
}

make_venv() {
  if [[ -x $VENV_PYTHON ]] && is_python_311 "$VENV_PYTHON"; then
    return
  fi
  local python
  python=$(find_python)
  say "Making .venv with $python"
  rm -rf .venv
  "$python" -m venv .venv ||
    fail "$python cannot make a virtual environment (Debian: apt-get install python3.11-venv)."
}

# uv lies in a folder of its own: what it installs must not replace the tool that is running.
install_uv() {
  local wanted
  wanted=$(sed -n 's/^uv==\([^ ]*\).*/\1/p' scripts/uv.lock)
  if [[ -x $UV && "$("$UV" --version) " == "uv $wanted "* ]]; then
    return
  fi
  say "Installing uv $wanted into .venv"
  "$VENV_PYTHON" -m pip --version >/dev/null 2>&1 || "$VENV_PYTHON" -m ensurepip >/dev/null
  rm -rf .venv/uv
  "$VENV_PYTHON" -m pip install --quiet --no-input --disable-pip-version-check \
    --require-hashes --requirement scripts/uv.lock --target .venv/uv
}

install_packages() {
  say "Installing the packages of requirements.lock, hashes verified"
  "$UV" pip sync --quiet --python "$VENV_PYTHON" --require-hashes requirements.lock
  "$UV" pip install --quiet --python "$VENV_PYTHON" --no-deps --editable .
}

# As the engine looks for it: JAVA_HOME first, then PATH.
java_is_fit() {
  local java=java version
  [[ -z ${JAVA_HOME:-} ]] || java="$JAVA_HOME/bin/java"
  command -v "$java" >/dev/null || return 1
  version=$("$java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1)
  [[ ${version:-0} -ge $OLDEST_JAVA ]]
}

install_java() {
  if java_is_fit; then
    return
  fi
  if [[ -z ${JAVA_HOME:-} ]] && can_apt; then
    say "Installing Java $OLDEST_JAVA from Debian packages"
    apt_install "openjdk-$OLDEST_JAVA-jre-headless" || true
  fi
  java_is_fit || fail \
    "Spark needs Java $OLDEST_JAVA or newer; ${JAVA_HOME:-PATH} holds none." \
    "Get it by one of: apt-get install openjdk-$OLDEST_JAVA-jre-headless / brew install openjdk@$OLDEST_JAVA;" \
    "or let JAVA_HOME name one; then run make setup again."
}

fetch_jars() {
  say "Fetching the engine's JARs, checksums verified"
  "$VENV_PYTHON" -m clickstream_platform.engine.jars
}

make_venv
install_uv
[[ ${1:-} == tools ]] && exit 0
install_packages
install_java
fetch_jars
say "Ready. make help lists what to do next."
