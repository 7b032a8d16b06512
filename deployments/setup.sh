#!/bin/sh
# Installs the programs that simtransfer and its tests need, if they are missing:
#
#   deployments/setup.sh [go] [cc] [postgres] [redis] [chromium] [pgbouncer] [freeradius] [nginx] [jq] [node]
#
# Without arguments, it installs postgres and redis. It does not change programs
# that are installed, so it can be run repeatedly. It uses apt-get, dnf or brew,
# starts no service and creates no database cluster: simtransfer runs its own
# private servers from the installed programs. It only checks for go and does not
# install it, because the packages of distributions are too old.
set -eu

postgres_min=14
redis_min=6.2

say() { echo "setup: $*" >&2; }
die() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# newer_or_same VERSION MINIMUM compares the first two numbers of the versions.
newer_or_same() {
	[ "$(number "$1")" -ge "$(number "$2")" ]
}

number() {
	major=${1%%.*}
	rest=${1#"$major"}
	rest=${rest#.}
	minor=${rest%%[!0-9]*}
	echo $((${major:-0} * 1000 + ${minor:-0}))
}

# postgres_found looks in the same folders as dev/servers/binaries.go.
postgres_found() {
	IFS_old=$IFS
	IFS=:
	set -- $PATH
	IFS=$IFS_old
	for dir in "$@" /usr/lib/postgresql/*/bin /usr/lib/postgresql*/bin /usr/pgsql-*/bin \
		/opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin \
		/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin; do
		[ -x "$dir/postgres" ] && [ -x "$dir/initdb" ] || continue
		version=$("$dir/postgres" --version 2>/dev/null | sed -n 's/.*(PostgreSQL) \([0-9]*\).*/\1/p')
		newer_or_same "${version:-0}" $postgres_min && return 0
	done
	return 1
}

redis_version() {
	for name in redis-server valkey-server; do
		have $name || continue
		$name --version 2>/dev/null | sed -n 's/.* v=\([0-9.]*\).*/\1/p'
		return 0
	done
}

redis_found() {
	newer_or_same "$(redis_version)" $redis_min
}

cc_found() { have cc || have gcc || have clang; }

chromium_found() {
	have chromium || have chromium-browser || have google-chrome || have google-chrome-stable ||
		[ -d "/Applications/Google Chrome.app" ] || [ -d "/Applications/Chromium.app" ]
}

pgbouncer_found() { have pgbouncer || [ -x /usr/sbin/pgbouncer ]; }
jq_found() { have jq; }
node_found() { have node; }
nginx_found() { have nginx || [ -x /usr/sbin/nginx ]; }
# Besides the server, tests need a copy of its stock configuration: the one in /etc may
# contain secrets, so that not every user may read it. macOS has no such package, and
# tests do without.
freeradius_config=/usr/local/share/simtransfer/freeradius
freeradius_found() {
	[ "$(uname)" != Darwin ] || return 0
	have radclient && { have freeradius || have radiusd; } || return 1
	dirs=$freeradius_config
	[ -n "${SUDO_USER:-}" ] || dirs="$dirs /etc/freeradius/3.0 /etc/raddb" # root can read them, but not who called sudo
	for dir in $dirs; do
		[ -r "$dir/mods-config/sql/main/postgresql/queries.conf" ] && return 0
	done
	return 1
}

go_found() {
	have go || return 1
	version=$(go env GOVERSION 2>/dev/null) && newer_or_same "${version#go}" 1.21
}

# missing prints the programs in $want that are not installed.
missing() {
	for thing in $want; do
		"${thing}_found" || printf '%s ' "$thing"
	done
}

describe() {
	for thing in "$@"; do
		case $thing in
		go) say "  - Go 1.26 or later: https://go.dev/dl/" ;;
		cc) say "  - a C compiler, for go test -race: gcc and the headers of the C library" ;;
		postgres) say "  - the PostgreSQL server, version $postgres_min or later (initdb and postgres in PATH): https://www.postgresql.org/download/" ;;
		redis) say "  - Redis $redis_min or later (redis-server in PATH): https://redis.io/docs/latest/operate/oss_and_stack/install/" ;;
		chromium) say "  - Chromium or Google Chrome, for the tests of web pages" ;;
		pgbouncer) say "  - PgBouncer (for the tests of connection poolers)" ;;
		nginx) say "  - nginx (for the tests of proxies)" ;;
		jq) say "  - jq (for the test of the integration guide)" ;;
		node) say "  - Node.js (for the tests that verify webhooks with another library)" ;;
		freeradius) say "  - FreeRADIUS 3.2 with its PostgreSQL module, for the tests of accounting" ;;
		esac
	done
}

# --- apt-get -----------------------------------------------------------------

# invoke-rc.d runs this program before it starts a service; exit code 101 forbids it.
policy=/usr/sbin/policy-rc.d
# The PostgreSQL packages read this file before they create their default cluster.
no_cluster=/etc/postgresql-common/createcluster.d/zz-simtransfer-setup.conf
lock=/run/simtransfer-setup.lock
mark='# temporary file of simtransfer setup'

place_guards() {
	trap remove_guards EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	if [ ! -e $policy ]; then
		printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >$policy
		chmod 755 $policy
	fi
	# An existing policy is kept. It must forbid starting services, too.
	answer=0
	$policy redis-server start >/dev/null 2>&1 || answer=$?
	[ $answer = 101 ] || {
		describe "$@"
		die "$policy allows packages to start services: install the programs above yourself"
	}
	for dir in /etc/postgresql-common ${no_cluster%/*}; do
		[ -d "$dir" ] || { mkdir "$dir" && made_dirs="$dir ${made_dirs:-}"; }
	done
	printf '%s\ncreate_main_cluster = false\n' "$mark" >$no_cluster
}

# remove_stale_guards removes the files that a killed run has left.
remove_stale_guards() {
	if [ -w $policy ] && grep -qxF "$mark" $policy; then
		exec 9>$lock
		if flock -n 9; then remove_guards; fi
	fi
}

# remove_guards removes only files that contain $mark.
remove_guards() {
	for file in $policy $no_cluster; do
		if grep -qxF "$mark" $file 2>/dev/null; then rm -f $file; fi
	done
	for dir in ${made_dirs:-}; do rmdir "$dir" 2>/dev/null || :; done
}

# candidate prints the version that apt-get would install, without its epoch.
candidate() {
	apt-cache policy "$1" | sed -n 's/^ *Candidate: \([0-9]*:\)\{0,1\}\([0-9.]*\).*/\2/p'
}

install_by_apt() {
	# Of two installations at the same time, the first to end would remove the guards
	# of the other.
	exec 9>$lock
	flock 9
	set -- $(missing)
	[ $# -gt 0 ] || return 0

	export DEBIAN_FRONTEND=noninteractive
	export NEEDRESTART_SUSPEND=1 # otherwise Ubuntu restarts services that use an updated library
	place_guards "$@"
	apt-get update -q >&2 || say "apt-get update failed; continuing with the existing package lists"

	packages=
	for thing in "$@"; do
		case $thing in
		cc) packages="$packages gcc libc6-dev" ;;
		postgres)
			newer_or_same "$(candidate postgresql)" $postgres_min ||
				die "this distribution provides PostgreSQL '$(candidate postgresql)', but $postgres_min or later is needed: add the repository https://wiki.postgresql.org/wiki/Apt and run this again"
			packages="$packages postgresql"
			;;
		redis)
			newer_or_same "$(candidate redis-server)" $redis_min ||
				die "this distribution provides Redis '$(candidate redis-server)', but $redis_min or later is needed: add the repository https://packages.redis.io and run this again"
			packages="$packages redis-server"
			;;
		chromium) packages="$packages chromium" ;;
		pgbouncer) packages="$packages pgbouncer" ;;
		freeradius) packages="$packages freeradius freeradius-postgresql freeradius-utils" ;;
		nginx | jq) packages="$packages $thing" ;;
		node) packages="$packages nodejs" ;;
		esac
	done
	apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 $packages >&2

	case " $* " in *' freeradius '*)
		copy_freeradius_config
		deb-systemd-helper disable freeradius.service >/dev/null 2>&1 || :
		;;
	esac
	# The package also enables its service for the next boot.
	case " $* " in *' redis '*)
		DPKG_MAINTSCRIPT_PACKAGE=redis-server deb-systemd-helper disable redis-server.service >/dev/null 2>&1 || :
		update-rc.d redis-server disable >/dev/null 2>&1 || :
		;;
	esac
	for thing in pgbouncer nginx; do
		case " $* " in *" $thing "*)
			DPKG_MAINTSCRIPT_PACKAGE=$thing deb-systemd-helper disable $thing.service >/dev/null 2>&1 || :
			update-rc.d $thing disable >/dev/null 2>&1 || :
			;;
		esac
	done
}

# copy_freeradius_config unpacks the configuration from the packages.
copy_freeradius_config() {
	dir=$(mktemp -d)
	(
		cd "$dir"
		chmod 755 .
		apt-get download -q freeradius-config freeradius-postgresql >&2
		for package in *.deb; do dpkg-deb -x "$package" unpacked; done
	)
	mkdir -p ${freeradius_config%/*}
	rm -rf $freeradius_config
	cp -R "$dir/unpacked/etc/freeradius/3.0" $freeradius_config
	chmod -R a+rX $freeradius_config
	rm -r "$dir"
}

# --- dnf ---------------------------------------------------------------------

# The packages of Fedora and Red Hat neither start nor enable services.
install_by_dnf() {
	for thing in "$@"; do
		case $thing in
		cc) dnf install -y gcc >&2 ;;
		postgres)
			# The default stream of Red Hat before release 10 is too old.
			version=$(dnf -q repoquery --latest-limit=1 --qf '%{version}\n' postgresql-server 2>/dev/null | tail -n 1)
			if ! newer_or_same "${version:-0}" $postgres_min; then
				dnf module enable -y postgresql:16 >&2 || :
			fi
			dnf install -y postgresql-server >&2
			;;
		redis) dnf install -y redis >&2 || dnf install -y valkey >&2 ;;
		chromium) dnf install -y chromium >&2 ;;
		pgbouncer) dnf install -y pgbouncer >&2 ;;
		nginx | jq) dnf install -y "$thing" >&2 ;;
		node) dnf install -y nodejs >&2 ;;
		freeradius)
			! have radiusd || ! have radclient || die "radiusd is installed, but its configuration is not readable: run the tests as root"
			dnf install -y freeradius freeradius-postgresql freeradius-utils >&2
			mkdir -p ${freeradius_config%/*}
			cp -R /etc/raddb $freeradius_config
			chmod -R a+rX $freeradius_config
			;;
		esac
	done
}

# --- brew --------------------------------------------------------------------

install_by_brew() {
	for thing in "$@"; do
		case $thing in
		cc) die "the C compiler is missing: run xcode-select --install" ;;
		postgres) brew install postgresql@17 >&2 ;;
		redis) brew install redis >&2 ;;
		chromium) brew install --cask google-chrome >&2 ;;
		pgbouncer) brew install pgbouncer >&2 ;;
		nginx | jq | node) brew install "$thing" >&2 ;;
		esac
	done
}

# -----------------------------------------------------------------------------

want=${*:-postgres redis}
for thing in $want; do
	case $thing in
	go | cc | postgres | redis | chromium | pgbouncer | freeradius | nginx | jq | node) ;;
	*) die "unknown program $thing: must be go, cc, postgres, redis, chromium, pgbouncer, freeradius, nginx, jq or node" ;;
	esac
done

set -- $(missing)
if [ $# -eq 0 ]; then
	remove_stale_guards
	exit 0
fi

say "missing: $*"
case " $* " in *' go '*)
	describe go
	die "this script does not install Go: install it and run this again"
	;;
esac
case " $* " in *' redis '*)
	version=$(redis_version)
	[ -z "$version" ] || die "Redis $version is installed, but $redis_min or later is needed: update it yourself, because it may be in use"
	;;
esac

if have apt-get; then
	manager=apt
elif have dnf; then
	manager=dnf
elif have brew; then
	manager=brew
else
	say "found no apt-get, dnf or brew: install these programs yourself:"
	describe "$@"
	exit 1
fi

if [ $manager != brew ] && [ "$(id -u)" != 0 ]; then
	if have sudo; then
		say "the installation needs root: running sudo"
		exec sudo -- sh "$0" "$@"
	fi
	say "the installation needs root, and sudo is not installed: run as root: sh $0 $*"
	say "or install these programs yourself:"
	describe "$@"
	exit 1
fi

install_by_$manager "$@"

want="$*"
set -- $(missing)
[ $# -eq 0 ] || {
	say "still missing after the installation: install these programs yourself:"
	describe "$@"
	exit 1
}
say "done"
