"""What ``check`` looks at: everything that must be right before data can flow, each finding with its remedy."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

from pacs2trial import publish
from pacs2trial.connections import Connections, from_text
from pacs2trial.delivery.examined import destination_findings
from pacs2trial.errors import InputError, Pacs2TrialError, TransientError
from pacs2trial.finding import Finding, wrong
from pacs2trial.installation import installation_findings
from pacs2trial.keytable import check_key_table, read_keys
from pacs2trial.network.echo import echo
from pacs2trial.network.peer import Peer
from pacs2trial.network.qido import answering
from pacs2trial.network.webpeer import WebPeer, node
from pacs2trial.profile import trial_plan
from pacs2trial.profile.site_list import site_list
from pacs2trial.receiver.examined import receiver_findings
from pacs2trial.receiver.query_access import query_access
from pacs2trial.settings import Settings, variable
from pacs2trial.storage.examined import package_findings
from pacs2trial.trials.definition import STAGING, TrialDefinition
from pacs2trial.trials.face_programs import face_programs, require_face_program
from pacs2trial.trials.load import load_trials
from pacs2trial.vault import Vault
from pacs2trial.vault.database import Database, vault_url

FAR_FILE_SYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "glusterfs", "ceph", "lustre"}
"""File systems on which SQLite's locks cannot be relied on."""

MOUNTS = Path("/proc/self/mounts")
"""What is mounted where, as Linux tells it."""

BUCKET_MOUNTS = {"fuse.s3fs", "fuse.rclone", "fuse.goofys", "fuse.geesefs", "fuse.gcsfuse", "fuse.blobfuse2"}
"""Object storage that looks like a folder; a change of names is no single step there, and locks end at the machine."""

TABLE_SUFFIXES = {".csv", ".tsv", ".xls", ".xlsx", ".xlsm", ".ods"}


def examine(settings: Settings, connections: Connections) -> list[Finding]:
    """Look at everything; what cannot be looked at is a finding too, never an exception."""
    findings = [*installation_findings(settings), *_secret(settings), *_vault(settings), *_folders(settings)]
    findings += [*staging_disk(settings), *package_findings(settings, connections)]
    findings += [*_disk(settings), *_published(settings)]
    try:
        trials, broken = load_trials(settings.trials)
    except InputError as error:
        findings.append(wrong("trials", error))
        trials, broken = {}, {}
    findings += [wrong(f"definition {path.name}", error) for path, error in broken.items()]
    for definition in trials.values():
        findings += [_definition(definition, settings), _key_table(definition, settings, connections)]
    findings += _key_folder(settings)
    findings += _peers(trials, connections, settings)
    findings += destination_findings(settings, connections, trials)
    findings.append(_query_retrieve(settings, trials))
    findings += _face_programs(settings)
    return [*findings, *receiver_findings(settings, connections, trials)]


def _secret(settings: Settings) -> Iterator[Finding]:
    path = settings.secret_path
    if settings.secret_connection:
        yield Finding("secret", good=True, text=f"comes over the connection {settings.secret_connection!r}")
    elif not path.exists():
        yield wrong("secret", f"{path} is missing", "run pacs2trial init, or restore it from backup")
    elif stat.S_IMODE(path.stat().st_mode) & 0o077:
        yield wrong("secret", f"{path} can be read by others", f"run chmod 600 {path}")
    else:
        yield Finding("secret", good=True, text=f"{path}, readable by its owner only")


def _vault(settings: Settings) -> Iterator[Finding]:
    if not settings.secret_connection and not settings.secret_path.exists():
        return
    try:
        vault = Vault.open(settings)
    except Pacs2TrialError as error:
        yield wrong("vault", error)
        return
    try:
        yield Finding("vault", good=True, text="opens with the secret, is migrated to this release")
        problems = vault.audit.verify_chain()
        if problems:
            yield wrong("audit", problems[0], "somebody changed the audit table: compare it with a backup")
        else:
            yield Finding("audit", good=True, text="the chain is whole")
    except Pacs2TrialError as error:
        yield wrong("audit", error, "check again; if it stays, restore a backup of the vault")
    finally:
        vault.close()
    path = Database(vault_url(settings.database_url)).path
    if path is not None and file_system(path) in FAR_FILE_SYSTEMS:
        yield wrong("vault disk", f"{path} is on a network share", "move it to a local disk, or use PostgreSQL")


def staging_disk(settings: Settings, mounts: Path = MOUNTS) -> Iterator[Finding]:
    """That staging is on no bucket which only looks like a folder: promise 5 could not be kept there."""
    kind = file_system(settings.staging, mounts)
    if kind in BUCKET_MOUNTS:
        yield wrong(
            "staging disk",
            f"{settings.staging} is object storage mounted by {kind.removeprefix('fuse.')}",
            f"put home on a disk or a shared file system such as NFS 4; {variable('packages_url')} takes a bucket",
        )


def _folders(settings: Settings) -> Iterator[Finding]:
    faulty = False
    for folder in (settings.home, settings.keys, settings.staging, settings.quarantine, settings.packages):
        if not folder.is_dir():
            faulty = True
            yield wrong("folder", f"{folder} is missing", "run pacs2trial init")
        elif stat.S_IMODE(folder.stat().st_mode) & 0o077:
            faulty = True
            yield wrong("folder", f"{folder} is open to others", f"run chmod 700 {folder}")
        elif not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            faulty = True
            yield wrong("folder", f"{folder} cannot be written to", "run as the user that owns it")
    if not faulty:
        yield Finding("folders", good=True, text=f"{settings.home}, closed to others")


def _disk(settings: Settings) -> Iterator[Finding]:
    if not settings.home.is_dir():
        return
    free = shutil.disk_usage(settings.home).free // 2**20
    if free < settings.minimum_free_mb:
        yield wrong(
            "disk",
            f"{free} MB free, the receiver refuses below {settings.minimum_free_mb}",
            f"free some space, or lower {variable('minimum_free_mb')}",
        )
    else:
        yield Finding("disk", good=True, text=f"{free} MB free")


def _published(settings: Settings) -> Iterator[Finding]:
    try:
        own = from_text(publish.VAULT_CONNECTION, publish.vault_connection(settings))
        places = publish.published(settings)
    except Pacs2TrialError as error:
        yield wrong("Airflow", error, f"correct {variable('database_url')}, then run pacs2trial init")
        return
    other = sorted(place for place, connection in places.items() if connection != own)
    if other:
        yield wrong(
            "Airflow",
            f"{' and '.join(other)} names another vault than {variable('database_url')}",
            "run pacs2trial init with the right setting, then start Airflow anew",
        )
    elif not places:
        yield wrong("Airflow", "does not know the vault's address", "run pacs2trial init")
    else:
        yield Finding("Airflow", good=True, text=f"gets the vault's address from {' and '.join(sorted(places))}")


def _definition(definition: TrialDefinition, settings: Settings) -> Finding:
    try:
        plan = trial_plan(definition, site_list(settings))
        require_face_program(definition, settings.face_programs)
    except InputError as error:
        return wrong(f"trial {definition.trial}", error, "correct the definition")
    return Finding(f"trial {definition.trial}", good=True, text=f"plan {plan.digest[:12]}")


def _key_table(definition: TrialDefinition, settings: Settings, connections: Connections) -> Finding:
    subject = f"keys {definition.trial}"
    try:
        rows = read_keys(definition, settings, connections)
    except Pacs2TrialError as error:
        return wrong(subject, error)
    problems = check_key_table(rows, definition)
    if problems:
        more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
        return wrong(subject, f"{problems[0]}{more}", f"run pacs2trial keys check {definition.trial}")
    return Finding(subject, good=True, text=f"{len(rows)} rows")


def _key_folder(settings: Settings) -> Iterator[Finding]:
    """Key tables name patients: they must not lie where version control would take them."""
    strays = sorted(path.name for path in _tables_in(settings.trials))
    if strays:
        yield wrong("key tables", f"{', '.join(strays)} lies beside the definitions", f"move it to {settings.keys}")
    if settings.keys.is_dir() and in_version_control(settings.keys):
        yield wrong(
            "key tables",
            f"{settings.keys} is in a git repository that does not ignore it",
            f"move home out of the checkout ({variable('home')}), or add it to .gitignore",
        )


def _tables_in(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.suffix.lower() in TABLE_SUFFIXES] if folder.is_dir() else []


def in_version_control(folder: Path) -> bool:
    """Whether git would take up a file in ``folder``."""
    if not any((parent / ".git").exists() for parent in (folder, *folder.parents)):
        return False
    git = shutil.which("git")
    if git is None:
        return True
    done = subprocess.run(  # noqa: S603  # a fixed program on a folder of the settings
        [git, "-C", str(folder), "check-ignore", "--quiet", str(folder / "any.csv")], capture_output=True, check=False
    )
    return done.returncode == 1


def _peers(trials: dict[str, TrialDefinition], connections: Connections, settings: Settings) -> Iterator[Finding]:
    """Each PACS once, whatever number of trials asks it in the same language, DIMSE or DICOMweb."""
    ways = {(definition.source.pacs, definition.source.retrieve) for definition in trials.values()}
    sources: dict[tuple[str, type], Peer | WebPeer] = {}
    faults: dict[tuple[str, str], Finding] = {}
    for name, way in sorted(ways):
        try:
            source = node(connections, name, settings, way=way)
        except Pacs2TrialError as error:
            faults[name, str(error)] = wrong(f"PACS {name}", error)
        else:
            sources[name, type(source)] = source
    yield from faults.values()
    for source in sources.values():
        yield _dimse(source) if isinstance(source, Peer) else _web(source)


def _web(source: WebPeer) -> Finding:
    try:
        answering(source)
    except Pacs2TrialError as error:
        return wrong(f"PACS {source.name}", error, "see that its DICOMweb service runs, and correct the connection")
    return Finding(f"PACS {source.name}", good=True, text=f"{source.url} answers QIDO-RS")


def _dimse(source: Peer) -> Finding:
    where = f"PACS {source.name}"
    try:
        echo(source)
    except TransientError as error:
        return wrong(where, error, "see that the PACS runs and that host, port and firewall are right")
    except Pacs2TrialError as error:
        return wrong(where, error, "ask the PACS team to allow this AE title, or correct the connection")
    return Finding(where, good=True, text=f"{source.aet} at {source.host}:{source.port} answers C-ECHO")


def _query_retrieve(settings: Settings, trials: dict[str, TrialDefinition]) -> Finding:
    subject = "query/retrieve"
    try:
        access = query_access(settings)
    except InputError as error:
        return wrong(subject, error)
    absent = sorted(access.scopes - trials.keys() - {STAGING})
    if absent:
        return wrong(
            subject,
            f"{', '.join(absent)} in {settings.query_retrieve} is no trial of {settings.trials}",
            "correct the file, or add the definition",
        )
    if not access.scopes:
        return Finding(subject, good=True, text=f"is off ({variable('query_retrieve')})")
    seen = ", ".join(sorted(access.scopes))
    return Finding(subject, good=True, text=f"{len(access.callers)} calling AE titles may see {seen}")


def _face_programs(settings: Settings) -> Iterator[Finding]:
    try:
        programs = face_programs(settings.face_programs)
    except InputError as error:
        yield wrong("faces", error)
        return
    for one in programs:
        path = one.found()
        if path is None:
            yield wrong(f"faces, {one.words}", f"{one.command[0]} is not there, or may not be run", "install it")
        else:
            told = f"{path} removes them of {', '.join(one.modalities)}"
            yield Finding(f"faces, {one.words}", good=True, text=told)


def file_system(path: Path, mounts: Path = MOUNTS) -> str:
    """The kind of file system that ``path`` is on, as Linux names it; empty where that cannot be known."""
    try:
        lines = mounts.read_text("utf-8").splitlines()
    except OSError:
        return ""
    kinds = {Path(point.replace("\\040", " ")): kind for _, point, kind, *_ in (line.split() for line in lines)}
    resolved = path.resolve()
    return next((kinds[parent] for parent in (resolved, *resolved.parents) if parent in kinds), "")
