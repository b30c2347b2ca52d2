"""What a plan does, in plain sentences: the first part of a conformance statement."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from pacs2trial.profile.methods import CODE_MEANINGS
from pacs2trial.profile.plan import Plan
from pacs2trial.trials.definition import STAGING, Option


class Topic(NamedTuple):
    """A heading and what is to be said under it."""

    title: str
    text: str


def topics(plan: Plan) -> list[Topic]:
    """What is to be said of ``plan``, in the order in which a person would ask."""
    return [Topic(title, " ".join(tell(plan))) for title, tell in _TOPICS.items()]


def _patient(plan: Plan) -> Iterator[str]:
    name = "a code that the vault keeps" if plan.scope == STAGING else "the subject key of the key table"
    yield f"Patient's Name and Patient ID become {name}; within sequences they are emptied."
    if plan.choice.birth_year:
        yield "Of the birth date the year stays, written as 1 January of that year."
    else:
        yield "The birth date is emptied."
    if plan.choice.has(Option.RETAIN_PATIENT_CHARACTERISTICS):
        yield "Sex, age, size, weight and the other characteristics of the patient that PS3.15 names stay."
    else:
        yield "Sex is emptied; age, size, weight and other characteristics are removed."
    cap = plan.choice.age_cap
    if cap is not None:
        yield f"An age above {cap} years becomes {cap + 1}, which means {cap + 1} or more."
        if plan.choice.birth_year:
            yield f"The year of birth goes too where it tells of an age above {cap}."
    yield "Names of physicians, operators and other persons never stay, under any option."


def _dates(plan: Plan) -> Iterator[str]:
    match plan.dates:
        case "UNMODIFIED":
            yield "Dates and times stay as they are."
        case "MODIFIED":
            yield (
                "Dates move by one number of whole days for each subject, the same in every object and for ever, "
                "so that intervals stay exact; times of day stay. Dates with time move in the same way, whatever "
                "their precision, and keep fraction and time zone. Dates that stand for no date, such as 19000101, "
                "do not move."
            )
        case _:
            yield "Dates and times are removed, emptied or replaced by dummies, as the type of the attribute asks."
    yield (
        "This holds for every date and time (VR DA, DT and TM), whether the standard's table lists the attribute or "
        "not. What is no valid date or time does not pass; the form of ACR-NEMA (1994.01.02) is written as DICOM "
        "wants it."
    )
    if plan.dates != "UNMODIFIED":
        yield "A date within a kept text does not stay."
    yield f"Longitudinal Temporal Information Modified (0028,0303) says {plan.dates}, unless an earlier step did more."
    if plan.offset is None:
        yield "An offset from an event (0012,0052) and its type (0012,0053) that an object brings are removed."
    else:
        reason = f"Reason: {plan.offset.because} " if plan.offset.because else ""
        yield (
            f"Longitudinal Temporal Offset from Event (0012,0052) says how many days each study lies after the day in "
            f"column {plan.offset.column} of the key table, and (0012,0053) calls that {plan.offset.event}. "
            f"{reason}Who knows that day can tell the day of the study."
        )


def _text(plan: Plan) -> Iterator[str]:
    if plan.vocabulary is None:
        yield "Descriptions stay unless one of the object's own identifiers, an address or a UID stands in them."
    elif plan.choice.has(Option.CLEAN_DESCRIPTORS):
        yield (
            "Of descriptions those words stay that are known to name nobody: anatomy, protocol, technique, laterality, "
            "dose, numbers with units, and the trial's own list. All other words go."
        )
    else:
        yield "Descriptions go; the labels of radiotherapy (beams, setups, prescriptions) are cleaned word by word."
    if plan.vocabulary is not None:
        yield (
            "Text that says how an object was made and that the table does not list (makers, models, versions, "
            "kernels, filters, methods, codes) stays unless something in it points to a person, known to the object "
            "or not: a listed first or family name, two words written as a name and known as nothing else, a word "
            "behind a title, the form of a name in DICOM (A^B), a date, a telephone number, an address, a long number. "
            "Then only its safe words stay. Dates and long numbers stay in versions and codes; what a standard code "
            "means goes only where it holds a whole name."
        )
        names = plan.vocabulary.roi_names
        allowed = "of TG-263 and of the trial's own list" if names.allow == "tg263" else "of the trial's own list"
        other = "becomes ROI_<number>" if names.unknown == "number" else "holds its subject until a person has decided"
        if plan.choice.has(Option.CLEAN_DESCRIPTORS):
            yield f"Names of structures {allowed} stay; any other {other}."
        else:
            yield "Names of structures are emptied."
    yield (
        "In every value that stays, whatever its attribute, the object's own identifiers are searched: all parts of "
        "names, all IDs, the birth date in all notations, accession numbers, staff. A value in which one is found "
        "loses it and keeps only words that are known to be safe, or goes."
    )


def _device(plan: Plan) -> Iterator[str]:
    stay = "stay" if plan.choice.has(Option.RETAIN_DEVICE_IDENTITY) else "are removed, emptied or replaced"
    yield f"Serial numbers, station and machine names {stay}; manufacturer and model always stay."
    stay = "stay" if plan.choice.has(Option.RETAIN_INSTITUTION_IDENTITY) else "go"
    yield f"Name, department and address of the institution {stay}."


def _uids(plan: Plan) -> Iterator[str]:
    yield (
        "Every UID of an instance, series, study, frame of reference or device is replaced by a pseudonym, in every "
        "attribute of VR UI and at every depth. UIDs of classes, syntaxes and coding schemes, and all that DICOM "
        "itself "
        "gave, stay."
    )
    if plan.scope == STAGING:
        yield "These pseudonyms are the site's own; no trial gets them."
    else:
        yield (
            f"The scope over which references stay consistent is this one trial, {plan.scope}, for ever: the same "
            "original "
            "has the same pseudonym in every object, package and run, and in no other trial."
        )
    yield "References to objects that were never sent are replaced too, so that they fit if these come later."


def _private(plan: Plan) -> Iterator[str]:
    if plan.choice.has(Option.RETAIN_SAFE_PRIVATE):
        yield (
            "Private attributes stay only if PS3.15 Table E.3.10-1 or the site's own list holds them safe, by group, "
            "private creator and element, and only if value representation and multiplicity fit. All others are "
            "removed."
        )
    else:
        yield "Private attributes are removed, with their private creators."


def _content(plan: Plan) -> Iterator[str]:
    if plan.choice.has(Option.CLEAN_STRUCTURED_CONTENT):
        yield (
            "Structured reports keep their content item by item, as PS3.15 Table E.3.4-1 says: names become "
            "dummies, text "
            "is cleaned, references stay and are mapped."
        )
    else:
        yield "The content of structured reports is replaced by a dummy; key object selections keep what they refer to."
    if plan.choice.has(Option.CLEAN_GRAPHICS):
        yield "Graphic annotations stay with their text cleaned."
    else:
        yield "Graphic annotations are removed."
    yield "Overlays of every group 60xx and curves of every group 50xx are removed, icons too."


def _pixels(plan: Plan) -> Iterator[str]:
    yield "The pixels of an image stay as they are; nothing in this statement decodes, recompresses or changes them."
    if plan.choice.has(Option.CLEAN_PIXEL_DATA):
        yield "Where text is found in an image before the trial gets it, its place is blacked out, and nothing else."
    yield (
        "Comments and other text beside the image in compressed frames (EXIF, XML) are overwritten by zeros. Of an "
        "overlay in bits of uncompressed pixel data that the image does not use (a retired form) those bits are "
        "cleared. Where bits beyond the image are set and no overlay names them, or the pixels are compressed, the "
        "object goes to quarantine (embedded-overlay) and cannot be released. Discard it, or have it sent again "
        "without the overlay."
    )
    yield (
        "The code Clean Pixel Data (113101) and Burned In Annotation (0028,0301) NO are written only on objects whose "
        "pixels were cleaned; an object's own word that nothing is burned in is not believed."
    )


def _quarantine(plan: Plan) -> Iterator[str]:
    if plan.scope == STAGING:
        yield (
            "Set aside, encrypted, until a person has looked: ultrasound, secondary captures, digitised film, "
            "screen saves, "
            "visible light, video, speech, encapsulated documents, raw data, and whatever cannot be read with "
            "certainty "
            "(truncated or malformed objects, attributes out of order, no patient ID, too deep or too large), and "
            "objects "
            "of a SOP class that is not known. Private SOP classes are refused."
        )
    else:
        yield (
            "Only what stage 1 staged, or a person released, comes to this trial. An object that cannot be read with "
            "certainty holds its subject."
        )


def _remains(plan: Plan) -> Iterator[str]:
    yield (
        "The data are pseudonymised, not anonymous: through the vault, which stays in the hospital, every pseudonym "
        "leads back to its patient. Who has the data alone has no key to try names, numbers or dates with."
    )
    yield ("Somebody whom the object names nowhere, such as a relative in a remark, is not known as a person.")
    if plan.scope == STAGING:
        yield "In staging such a name stays where it stands in a text; it goes when a trial gets the object."
    else:
        yield (
            "Such a name goes where text is cleaned, and nearly always where text is kept; it could pass as a single "
            "word that no list of names has, or in a coded string."
        )
    if plan.scope != STAGING:
        yield (
            "So each text that would leave for the first time is listed with its attribute for a person, and a trial "
            "can ask that nothing leaves before that person agreed (review)."
        )
    yield (
        "Series of the head from which a face could be made out are held, unless the trial's filter accepts them and "
        "says why, or has the face removed: the voxels that a program of the site names are blanked. Only "
        "objects of which some were blanked say so (113102, and NO in Recognizable Visual Features (0028,0302)); an "
        "object's own word is not believed. What could not be removed is held."
    )


def _encoding(_plan: Plan) -> Iterator[str]:
    yield (
        "Preamble and file meta information are written anew; group lengths, padding, digital signatures and "
        "bytes after "
        "the last element are dropped. Attributes that are not in PS3.6 are removed. Output is explicit VR little "
        "endian, or "
        "the compressed transfer syntax of the input."
    )
    yield (
        "Text is read in the object's Specific Character Set (0008,0005), all sets of PS3.3 C.12.1.1.2 with code "
        "extensions; text that is none in the declared set does not stay. What pacs2trial writes is ASCII."
    )


def _said(plan: Plan) -> Iterator[str]:
    methods = ", ".join(f"'{method}'" for method in plan.methods)
    yield f"Patient Identity Removed (0012,0062) is YES. De-identification Method (0012,0063) gets {methods},"
    if plan.codes:
        codes = ", ".join(f"{code} {CODE_MEANINGS[code]}" for code in plan.codes)
        yield f"and (0012,0064) the codes {codes}. Codes that the object brought stay before them."
    else:
        yield "and (0012,0064) no code: stage 1 alone is not a profile of PS3.15. Codes that the object brought stay."


_TOPICS: Final[dict[str, Callable[[Plan], Iterator[str]]]] = {
    "Patient": _patient,
    "Dates and times": _dates,
    "Text": _text,
    "Device and institution": _device,
    "UIDs": _uids,
    "Private attributes": _private,
    "Structured reports, annotations, overlays": _content,
    "Pixel data": _pixels,
    "Quarantine": _quarantine,
    "Encoding and character sets": _encoding,
    "What the object says of it": _said,
    "What remains": _remains,
}
