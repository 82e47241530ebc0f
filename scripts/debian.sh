# Sourced by the other scripts: packages of Debian and its kin.

# May this process install Debian packages without asking anyone?
can_apt() {
  [[ "$(id -u)" -eq 0 ]] && command -v apt-get >/dev/null
}

# apt_install PACKAGE...: installs without a question; false if a package cannot be had.
apt_install() {
  export DEBIAN_FRONTEND=noninteractive
  apt-get install -y --no-install-recommends "$@" </dev/null >/dev/null 2>&1 && return
  apt-get update </dev/null >/dev/null 2>&1 || true
  apt-get install -y --no-install-recommends "$@" </dev/null
}
