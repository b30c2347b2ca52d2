"""Which presentation contexts a C-GET proposes for the objects that come back (PS3.4 C.4.3.3)."""

from __future__ import annotations

from collections.abc import Collection

from pydicom import uid
from pynetdicom.presentation import PresentationContext, build_context

MOST_CONTEXTS = 128
"""A presentation context ID is an odd number of one byte (PS3.8 9.3.2.2)."""

UNCOMPRESSED = (uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian)

# The acceptor picks one transfer syntax for each context; a compressed object comes as it is, instead of transcoded or
# not at all, when its syntax has a context of its own. Most usual first, because the number of contexts is limited.
COMPRESSED = (
    uid.JPEGLosslessSV1,
    uid.JPEG2000Lossless,
    uid.JPEGBaseline8Bit,
    uid.RLELossless,
    uid.JPEG2000,
    uid.JPEGLSLossless,
    uid.JPEGLossless,
    uid.JPEGLSNearLossless,
    uid.JPEGExtended12Bit,
    uid.HTJ2KLossless,
    uid.HTJ2K,
    uid.DeflatedExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
)

USUAL = (
    uid.CTImageStorage,
    uid.MRImageStorage,
    uid.PositronEmissionTomographyImageStorage,
    uid.RTStructureSetStorage,
    uid.RTPlanStorage,
    uid.RTDoseStorage,
    uid.RTImageStorage,
    uid.RTBeamsTreatmentRecordStorage,
    uid.SpatialRegistrationStorage,
    uid.DeformableSpatialRegistrationStorage,
    uid.SegmentationStorage,
    uid.EnhancedCTImageStorage,
    uid.EnhancedMRImageStorage,
    uid.EnhancedPETImageStorage,
    uid.NuclearMedicineImageStorage,
    uid.ComputedRadiographyImageStorage,
    uid.DigitalXRayImageStorageForPresentation,
    uid.UltrasoundImageStorage,
    uid.UltrasoundMultiFrameImageStorage,
    uid.SecondaryCaptureImageStorage,
    uid.KeyObjectSelectionDocumentStorage,
)
"""Proposed when the PACS did not announce SOP classes, which it may leave out at IMAGE level."""


def storage_contexts(sop_classes: Collection[str], room: int = MOST_CONTEXTS - 1) -> list[PresentationContext]:
    """Contexts for the announced SOP classes: first uncompressed for each, then each compression in turn.

    Args:
        sop_classes: announced SOP Class UIDs; an empty string among them, or none at all, stands for unknown ones.
        room: how many contexts may be proposed.
    """
    classes = sorted(filter(None, sop_classes))
    if not classes or "" in sop_classes:
        classes += [str(usual) for usual in USUAL if usual not in classes]
    contexts = [build_context(sop_class, list(UNCOMPRESSED)) for sop_class in classes]
    contexts += [build_context(sop_class, [syntax]) for syntax in COMPRESSED for sop_class in classes]
    return contexts[:room]
