"""DICOMweb behind Airflow's login: who may see what, and what a viewer gets, byte for byte."""

from __future__ import annotations

import io
import re

import httpx
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from pacs2trial.holdings.view import TrialView
from pacs2trial.trials.definition import STAGING
from pacs2trial_airflow.dicomweb.application import make_application
from pacs2trial_demo.identities import IDENTITIES, planted_values
from support.api_server import ApiServer
from support.dicomweb import OBJECTS, OHIF_FRAMES, PREFIX, member, parts_of, place, places, viewer
from support.hospital import LUNG
from support.shown import SCOPES, ShownSite

ROUTES = (
    *("/studies", "/series", "/instances", "/studies/1.2", "/studies/1.2/metadata", "/studies/1.2/series"),
    *("/studies/1.2/instances", "/studies/1.2/series/1.3", "/studies/1.2/series/1.3/metadata"),
    *("/studies/1.2/series/1.3/instances", "/studies/1.2/thumbnail", "/studies/1.2/series/1.3/thumbnail"),
    *(
        f"/studies/1.2/series/1.3/instances/1.4{tail}"
        for tail in (
            *("", "/metadata", "/frames/1", "/rendered", "/frames/1/rendered", "/thumbnail"),
            "/bulkdata/7FE00010",
        )
    ),
)


def test_these_are_all_routes() -> None:
    served = {re.sub(r"\{scope\}", "", route.path) for route in make_application().routes}
    values = {"{study}": "1.2", "{series}": "1.3", "{instance}": "1.4", "{numbers}": "1", "{number}": "1"}
    values["{tag}"] = "7FE00010"
    assert {re.sub(r"\{\w+\}", lambda found: values[found[0]], path.lstrip("/")) for path in served} == {
        route.lstrip("/") for route in ROUTES
    }


@pytest.mark.parametrize("route", ROUTES)
def test_nobody_sees_anything_without_a_login(server: ApiServer, route: str) -> None:
    with server.client() as client:
        for scope in (*SCOPES, "NOSUCH"):
            assert client.get(f"{PREFIX}/{scope}{route}").status_code == 401
        assert client.get(f"{PREFIX}/{LUNG}{route}", headers={"Authorization": "Bearer x.y.z"}).status_code in (
            401,
            403,
        )


@pytest.mark.parametrize(
    ("user", "scope", "status"),
    [
        ("vic", LUNG, 403),
        ("vic", STAGING, 403),
        ("vic", "NOSUCH", 403),
        ("uma", LUNG, 200),
        ("uma", STAGING, 403),
        ("adam", STAGING, 403),
        ("rita", STAGING, 200),
        ("rita", LUNG, 200),
        ("rita", "NOSUCH", 404),
        ("carl", STAGING, 200),
    ],
)
def test_who_may_see_what(server: ApiServer, user: str, scope: str, status: int) -> None:
    with server.client(user) as client:
        assert client.get(f"{PREFIX}/{scope}/studies").status_code == status
        cookie = {"_token": server.tokens[user]}
    assert httpx.get(f"{server.url}{PREFIX}/{scope}/studies", cookies=cookie, timeout=60).status_code == status


def test_nothing_can_be_changed(reviewer: httpx.Client) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert reviewer.request(method, f"/{LUNG}/studies").status_code == 405


def test_answers_stay_in_no_cache_and_are_never_run(reviewer: httpx.Client) -> None:
    for path in (f"/{LUNG}/studies", f"/{LUNG}/studies/1.2/metadata", f"/{LUNG}/nothing"):
        headers = reviewer.get(path).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"] == "default-src 'none'"


def test_neither_answers_nor_logs_name_a_patient(
    reviewer: httpx.Client, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    planted = {value for identity in IDENTITIES for value in planted_values(identity)}
    told = []
    with caplog.at_level("DEBUG", logger="http.access"):
        for scope in SCOPES:
            told.append(reviewer.get(f"/{scope}/instances?includefield=all").text)
            for value in sorted(planted)[::40]:
                for query in ({"PatientName": value}, {"PatientID": value}, {"limit": value}, {value: value}):
                    answer = reviewer.get(f"/{scope}/studies", params=query)
                    assert answer.status_code in (200, 400)
                    told.append(answer.text)
    text = "".join(told)
    captured = capfd.readouterr()
    ours = [record for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    text += captured.out + captured.err + "".join(record.getMessage() for record in ours)
    assert [value for value in planted if value in text] == []


# --- dicomweb-client -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", SCOPES)
def test_dicomweb_client_finds_and_takes_everything(server: ApiServer, shown_site: ShownSite, scope: str) -> None:
    client = viewer(server, scope)
    held = shown_site.staged() if scope == STAGING else shown_site.given()
    taken: dict[str, Dataset] = {}
    for study in map(Dataset.from_json, client.search_for_studies()):
        found = [Dataset.from_json(each) for each in client.search_for_instances(study.StudyInstanceUID)]
        assert len(found) == study.NumberOfStudyRelatedInstances
        objects = client.retrieve_study(study.StudyInstanceUID, media_types=(("application/dicom", "*"),))
        assert {each.SOPInstanceUID for each in objects} == {each.SOPInstanceUID for each in found}
        taken |= {each.SOPInstanceUID: each for each in objects}
    assert {uid: pydicom.dcmread(io.BytesIO(file)) for uid, file in held.items()} == taken


def test_dicomweb_client_takes_metadata_frames_and_pictures(server: ApiServer, shown_site: ShownSite) -> None:
    client, path = viewer(server), place(shown_site, "CT")
    *_, study, _, series, _, instance = path.split("/")
    original = member(shown_site, path)
    said = Dataset.from_json(client.retrieve_instance_metadata(study, series, instance))
    assert said.PatientID == original.PatientID
    assert said.ImagePositionPatient == original.ImagePositionPatient
    (frame,) = client.retrieve_instance_frames(study, series, instance, [1])
    assert frame == original.PixelData
    picture = client.retrieve_instance_frames_rendered(study, series, instance, [1], media_types=("image/png",))
    assert Image.open(io.BytesIO(picture)).size == (original.Columns, original.Rows)


# --- searching -----------------------------------------------------------------------------------------------------


def uids(answer: httpx.Response, tag: str = "0020000D") -> list[str]:
    assert answer.status_code == 200, answer.text
    return [match[tag]["Value"][0] for match in answer.json()]


def test_a_viewer_s_list_of_studies(reviewer: httpx.Client, shown_site: ShownSite) -> None:
    query = "limit=101&offset=0&fuzzymatching=false&includefield=00081030%2C00080060"
    answer = reviewer.get(f"/{LUNG}/studies?{query}", headers={"Accept": "application/dicom+json"})
    assert answer.headers["content-type"] == "application/dicom+json"
    assert set(uids(answer)) == {study for study, _, _ in places(shown_site)}
    for match in answer.json():
        assert match["00100010"]["Value"][0]["Alphabetic"] == match["00100020"]["Value"][0]
        assert match["00081190"]["Value"] == [
            f"{str(reviewer.base_url).rstrip('/')}/{LUNG}/studies/{match['0020000D']['Value'][0]}"
        ]
        assert match["00201208"]["Value"][0] > 0
        assert match["00081030"]["Value"]


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("PatientID=LA-001", 2),
        ("00100020=LA-*", 3),
        ("PatientName=la-002", 1),
        ("ModalitiesInStudy=RTSTRUCT", 1),
        ("StudyDescription=*planning*", 3),
        ("StudyInstanceUID=1.2,1.3", 0),
        ("PatientID=LA-001&limit=1", 1),
        ("limit=2&offset=2", 1),
        ("offset=50", 0),
        ("limit=0", 0),
    ],
)
def test_a_search_narrows(reviewer: httpx.Client, query: str, number: int) -> None:
    assert len(uids(reviewer.get(f"/{LUNG}/studies?{query}"))) == number


def test_series_and_instances_carry_the_levels_above_unless_the_path_does(reviewer: httpx.Client) -> None:
    everywhere = reviewer.get(f"/{LUNG}/series?PatientID=LA-002").json()
    assert {"0020000D", "0020000E", "00100020", "00080060"} <= everywhere[0].keys()
    study = everywhere[0]["0020000D"]["Value"][0]
    inside = reviewer.get(f"/{LUNG}/studies/{study}/series").json()
    assert [each["0020000E"] for each in inside] == [each["0020000E"] for each in everywhere]
    assert "00100010" not in inside[0]


def test_what_is_left_out_is_said(reviewer: httpx.Client) -> None:
    more = reviewer.get(f"/{LUNG}/studies?limit=1")
    assert "offset" in more.headers["warning"]
    fuzzy = reviewer.get(f"/{LUNG}/studies?fuzzymatching=true")
    assert "fuzzymatching" in fuzzy.headers["warning"]
    assert "warning" not in reviewer.get(f"/{LUNG}/studies").headers


@pytest.mark.parametrize("query", ["NoSuchThing=1", "limit=-1", "limit=x", "fuzzymatching=perhaps", "00091001=1"])
def test_a_wrong_search_is_refused(reviewer: httpx.Client, query: str) -> None:
    assert reviewer.get(f"/{LUNG}/studies?{query}").status_code == 400


# --- objects -------------------------------------------------------------------------------------------------------


def test_a_trial_s_study_is_given_byte_for_byte(reviewer: httpx.Client, shown_site: ShownSite) -> None:
    taken = {}
    for study in {study for study, _, _ in places(shown_site)}:
        answer = reviewer.get(f"/{LUNG}/studies/{study}", headers={"Accept": OBJECTS})
        assert answer.headers["content-type"].startswith('multipart/related; type="application/dicom"; boundary=')
        for kind, content in parts_of(answer):
            found = pydicom.dcmread(io.BytesIO(content), stop_before_pixels=True)
            assert kind == f"application/dicom; transfer-syntax={found.file_meta.TransferSyntaxUID}"
            taken[str(found.SOPInstanceUID)] = content
    assert taken == shown_site.given()


def test_one_object_alone_is_given_as_it_is(reviewer: httpx.Client, shown_site: ShownSite) -> None:
    path = place(shown_site, "CT", packed=True)
    answer = reviewer.get(path, headers={"Accept": "application/dicom; transfer-syntax=*"})
    assert answer.content == shown_site.given()[path.rpartition("/")[2]]
    assert answer.headers["content-type"] == f"application/dicom; transfer-syntax={RLELossless}"


def test_compressed_objects_are_decompressed_where_that_is_asked(reviewer: httpx.Client, shown_site: ShownSite) -> None:
    path = place(shown_site, "CT", packed=True)
    original = member(shown_site, path)
    for accept in (
        'multipart/related; type="application/dicom"',
        f"application/dicom; transfer-syntax={ExplicitVRLittleEndian}",
    ):
        answer = reviewer.get(path, headers={"Accept": accept})
        content = parts_of(answer)[0][1] if accept.startswith("multipart") else answer.content
        found = pydicom.dcmread(io.BytesIO(content))
        assert found.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
        assert found.SOPInstanceUID == original.SOPInstanceUID
        assert (found.pixel_array == original.pixel_array).all()


def test_frames_come_as_a_viewer_accepts_them(reviewer: httpx.Client, shown_site: ShownSite) -> None:
    path = place(shown_site, "CT", packed=True)
    original = member(shown_site, path)
    packed = next(pydicom.encaps.generate_frames(original.PixelData, number_of_frames=1))
    for accept, kind, expected in (
        (OHIF_FRAMES, f"application/octet-stream; transfer-syntax={RLELossless}", packed),
        ("*/*", f"image/dicom-rle; transfer-syntax={RLELossless}", packed),
        ('multipart/related; type="image/dicom-rle"', f"image/dicom-rle; transfer-syntax={RLELossless}", packed),
        (
            "multipart/related; type=application/octet-stream",
            "application/octet-stream",
            original.pixel_array.tobytes(),
        ),
    ):
        ((found, content),) = parts_of(reviewer.get(f"{path}/frames/1", headers={"Accept": accept}))
        assert found == kind
        assert content.rstrip(b"\0") == expected.rstrip(b"\0")


def test_frames_of_a_dose_are_the_planes_that_are_asked(reviewer: httpx.Client, shown_site: ShownSite) -> None:
    path = place(shown_site, "RTDOSE")
    planes = member(shown_site, path).pixel_array
    answer = reviewer.get(f"{path}/frames/3,1", headers={"Accept": OHIF_FRAMES})
    assert [content for _, content in parts_of(answer)] == [planes[2].tobytes(), planes[0].tobytes()]


def test_metadata_say_everything_but_bulk_data(reviewer: httpx.Client, shown_site: ShownSite) -> None:
    for study in {study for study, _, _ in places(shown_site)}:
        for said in reviewer.get(f"/{LUNG}/studies/{study}/metadata").json():
            uid = said["00080018"]["Value"][0]
            original = pydicom.dcmread(io.BytesIO(shown_site.given()[uid]))
            tags = {f"{element.tag:08X}" for element in original} | {"00083002"}
            assert said.keys() == tags
            found = Dataset.from_json({tag: value for tag, value in said.items() if "BulkDataURI" not in value})
            for element in found:
                if element.keyword not in ("SpecificCharacterSet", "AvailableTransferSyntaxUID"):
                    assert element.value == original[element.tag].value, element.keyword
            if "PixelData" in original:
                uri = said["7FE00010"]["BulkDataURI"]
                contents = [content for _, content in parts_of(reviewer.get(uri))]
                if not original.file_meta.TransferSyntaxUID.is_encapsulated:
                    assert contents == [original.PixelData]


# --- pictures ------------------------------------------------------------------------------------------------------


def test_a_picture_has_the_size_and_kind_that_are_asked(reviewer: httpx.Client, shown_site: ShownSite) -> None:
    path = place(shown_site, "CT", packed=True)
    whole = reviewer.get(f"{path}/rendered")
    assert whole.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(whole.content)).size == (32, 32)
    small = reviewer.get(
        f"{path}/frames/1/rendered?viewport=16,16&window=40,400,linear", headers={"Accept": "image/png"}
    )
    image = Image.open(io.BytesIO(small.content))
    assert (image.format, image.size, image.mode) == ("PNG", (16, 16), "L")
    other = reviewer.get(f"{path}/rendered?window=-600,200", headers={"Accept": "image/png"})
    same = reviewer.get(f"{path}/rendered?window=40,400", headers={"Accept": "image/png"})
    assert (np.asarray(Image.open(io.BytesIO(other.content))) != np.asarray(Image.open(io.BytesIO(same.content)))).any()


def test_thumbnails_are_small(reviewer: httpx.Client, shown_site: ShownSite) -> None:
    path = place(shown_site, "RTDOSE")
    for at in (path, path.rpartition("/instances")[0], path.rpartition("/series")[0]):
        answer = reviewer.get(f"{at}/thumbnail")
        assert answer.headers["content-type"] == "image/jpeg"
        assert max(Image.open(io.BytesIO(answer.content)).size) == 128


# --- what is not there, not acceptable, or held ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tail", "accept", "status"),
    [
        ("", "application/pdf", 406),
        ("", "multipart/related; type=application/dicom; transfer-syntax=1.2.840.10008.1.2.4.50", 406),
        ("/metadata", "text/html", 406),
        ("/frames/1", "image/jpeg", 406),
        ("/frames/2", "*/*", 404),
        ("/frames/0", "*/*", 404),
        ("/frames/one", "*/*", 400),
        ("/frames/1/rendered", "application/dicom", 406),
        ("/rendered?window=1", "*/*", 400),
        ("/rendered?viewport=0,10", "*/*", 400),
        ("/rendered?shine=1", "*/*", 400),
        ("/rendered?quality=0", "*/*", 400),
        ("/bulkdata/00100010", "*/*", 404),
        ("/bulkdata/7fe00010", "*/*", 404),
        ("/nothing", "*/*", 404),
    ],
)
def test_statuses_are_those_of_the_standard(
    reviewer: httpx.Client, shown_site: ShownSite, tail: str, accept: str, status: int
) -> None:
    path = place(shown_site, "CT")
    assert reviewer.get(path + tail, headers={"Accept": accept}).status_code == status


def test_what_has_no_image_is_no_picture(reviewer: httpx.Client, shown_site: ShownSite) -> None:
    path = place(shown_site, "RTSTRUCT")
    assert reviewer.get(f"{path}/rendered").status_code == 404
    assert reviewer.get(f"{path}/thumbnail").status_code == 404
    assert reviewer.get(f"{path}/frames/1").status_code == 404


def test_uids_of_another_scope_are_not_found(reviewer: httpx.Client, shown_site: ShownSite) -> None:
    study, series, instance = places(shown_site)[0]
    for path in (f"/studies/{study}", f"/studies/{study}/series/{series}/instances/{instance}/frames/1"):
        assert reviewer.get(f"/{STAGING}{path}").status_code == 404
    for uid in shown_site.left_out:
        assert uids(reviewer.get(f"/{LUNG}/instances?SOPInstanceUID={uid}")) == []


def test_an_answer_without_what_is_held_says_so(
    reviewer: httpx.Client, shown_site: ShownSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = place(shown_site, "RTSTRUCT").split("/")[3]
    monkeypatch.setattr(TrialView, "is_held", lambda _view, content: content.modality == "RTSTRUCT")
    answer = reviewer.get(f"/{LUNG}/studies/{study}", headers={"Accept": OBJECTS})
    assert answer.status_code == 206
    assert "1 objects wait for a person" in answer.headers["warning"]
    assert len(parts_of(answer)) == sum(study in name for name in shown_site.members) - 1
    assert reviewer.get(f"{place(shown_site, 'RTSTRUCT')}/metadata").status_code == 409


def test_an_answer_that_breaks_off_is_not_taken_for_the_whole(
    reviewer: httpx.Client, shown_site: ShownSite, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    study, made = place(shown_site, "RTSTRUCT").split("/")[3], TrialView.object_of
    calls: list[object] = []

    def fails_later(self: TrialView, content: object) -> object:
        calls.append(content)
        if len(calls) > 1:
            raise ValueError("a planted Planter^Name")
        return made(self, content)  # type: ignore[arg-type]

    monkeypatch.setattr(TrialView, "object_of", fails_later)
    with pytest.raises(httpx.RemoteProtocolError):
        reviewer.get(f"/{LUNG}/studies/{study}", headers={"Accept": OBJECTS})
    calls.clear()
    with pytest.raises(httpx.RemoteProtocolError):
        reviewer.get(f"/{LUNG}/studies/{study}/metadata")
    assert "Planter" not in caplog.text
