"""Which SOP classes the receiver stores."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.uid import UID
from pynetdicom import AllStoragePresentationContexts

RETIRED = (
    "1.2.840.10008.5.1.4.1.1.3",  # UltrasoundMultiFrameImageStorageRetired
    "1.2.840.10008.5.1.4.1.1.5",  # NuclearMedicineImageStorageRetired
    "1.2.840.10008.5.1.4.1.1.6",  # UltrasoundImageStorageRetired
    "1.2.840.10008.5.1.4.1.1.8",  # StandaloneOverlayStorage
    "1.2.840.10008.5.1.4.1.1.9",  # StandaloneCurveStorage
    "1.2.840.10008.5.1.4.1.1.9.1",  # WaveformStorageTrial
    "1.2.840.10008.5.1.4.1.1.10",  # StandaloneModalityLUTStorage
    "1.2.840.10008.5.1.4.1.1.11",  # StandaloneVOILUTStorage
    "1.2.840.10008.5.1.4.1.1.12.3",  # XRayAngiographicBiPlaneImageStorage
    "1.2.840.10008.5.1.4.1.1.77.1",  # VLImageStorageTrial
    "1.2.840.10008.5.1.4.1.1.77.2",  # VLMultiFrameImageStorageTrial
    "1.2.840.10008.5.1.4.1.1.88.1",  # TextSRStorageTrial
    "1.2.840.10008.5.1.4.1.1.88.2",  # AudioSRStorageTrial
    "1.2.840.10008.5.1.4.1.1.88.3",  # DetailSRStorageTrial
    "1.2.840.10008.5.1.4.1.1.88.4",  # ComprehensiveSRStorageTrial
    "1.2.840.10008.5.1.4.1.1.129",  # StandalonePETCurveStorage
    "1.2.840.10008.5.1.4.34.1",  # RTBeamsDeliveryInstructionStorageTrial
)
"""Retired classes of objects of a patient (PS3.6 table A-1) by keyword.

Archives still hold them, and send them as they are.
"""


def storage_classes() -> Iterator[UID]:
    """Every SOP class of the Storage Service Class (PS3.4 B.5) and the retired ones.

    Private SOP classes are refused by policy: a presentation context for one is not accepted. Objects that are of no
    patient (hanging protocols, colour palettes, implant templates; PS3.4 GG.3) are not for a trial.
    """
    for context in AllStoragePresentationContexts:
        assert context.abstract_syntax is not None
        yield UID(context.abstract_syntax)
    yield from map(UID, RETIRED)
