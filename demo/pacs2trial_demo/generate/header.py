"""What every object of a study says about patient, study, series and equipment (PS3.3 C.7.1 to C.7.5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian

from pacs2trial_demo.generate.uids import UID_ROOT, Uids
from pacs2trial_demo.identities import Identity

STUDY_CLASS = "1.2.840.10008.3.1.2.3.1"
"""Detached Study Management, retired, but still what RT objects name a study with."""


@dataclass(frozen=True)
class StudyContext:
    """One study being made: whose, when, and its UIDs."""

    identity: Identity
    when: date

    @property
    def uids(self) -> Uids:
        return Uids(self.identity.number, self.when)

    @property
    def day(self) -> str:
        return f"{self.when:%Y%m%d}"


@dataclass(frozen=True)
class Equipment:
    """What made an object (PS3.3 C.7.5.1)."""

    manufacturer: str
    model: str
    station: str
    serial: str
    software: str


SCANNER = Equipment("SIEMENS", "SOMATOM Definition AS", "CTAWP73298", "73298", "syngo CT 2012B")
PLANNING = Equipment("Varian Medical Systems", "ARIA RadOnc", "TPSWS04", "TPS-5561", "15.6.05")
LINAC = Equipment("Varian Medical Systems", "On-Board Imager", "LINAC3", "H192884", "2.7.304")
ULTRASOUND = Equipment("GE Healthcare", "LOGIQ E9", "USROOM2", "US-99107", "R6.1.2")
MR_SCANNER = Equipment("SIEMENS", "Aera", "MRC41509", "141509", "syngo MR E11")


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """An item of a code sequence (PS3.3 8)."""
    item = Dataset()
    item.CodeValue = value
    item.CodingSchemeDesignator = scheme
    item.CodeMeaning = meaning
    return item


def reference(sop_class: str, instance: str) -> Dataset:
    """An item with a Referenced SOP Class and Instance UID."""
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class
    item.ReferencedSOPInstanceUID = instance
    return item


def new_object(
    study: StudyContext,
    *,
    sop_class: str,
    modality: str,
    series: int,
    instance: int,
    description: str,
    equipment: Equipment,
    time: str = "101500",
    transfer_syntax: str = ExplicitVRLittleEndian,
) -> FileDataset:
    """An object with file meta, SOP Common, Patient, Study, Series and Equipment; the caller adds what it shows."""
    sop_instance = study.uids.instance(series, instance)
    ds = FileDataset("", {}, file_meta=_meta(sop_class, sop_instance, transfer_syntax), preamble=b"\0" * 128)
    ds.SpecificCharacterSet = study.identity.character_set
    ds.InstanceCreationDate = study.day
    ds.InstanceCreationTime = f"{time}.250000"
    ds.InstanceCreatorUID = study.uids.other(1)
    ds.SOPClassUID = sop_class
    ds.SOPInstanceUID = sop_instance
    ds.InstanceNumber = str(instance)
    _patient(ds, study)
    _study(ds, study)
    ds.Modality = modality
    ds.SeriesInstanceUID = study.uids.series(series)
    ds.SeriesNumber = str(series)
    ds.SeriesDescription = description
    ds.SeriesDate = study.day
    ds.SeriesTime = f"{time}.456000"
    ds.OperatorsName = list(study.identity.operators)
    ds.Manufacturer = equipment.manufacturer
    ds.ManufacturerModelName = equipment.model
    ds.StationName = equipment.station
    ds.DeviceSerialNumber = equipment.serial
    ds.SoftwareVersions = equipment.software
    ds.InstitutionName = "Klinikum am Rotbach"
    ds.InstitutionAddress = "Spitalgasse 1, Rotbach"
    ds.InstitutionalDepartmentName = "Radiotherapie"
    return ds


def _meta(sop_class: str, sop_instance: str, transfer_syntax: str) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\0\1"
    meta.MediaStorageSOPClassUID = UID(sop_class)
    meta.MediaStorageSOPInstanceUID = UID(sop_instance)
    meta.TransferSyntaxUID = UID(transfer_syntax)
    meta.ImplementationClassUID = UID(UID_ROOT + "0.1")
    meta.ImplementationVersionName = "P2T_DEMO"
    meta.SourceApplicationEntityTitle = "DEMOSOURCE"
    return meta


def _patient(ds: Dataset, study: StudyContext) -> None:
    who = study.identity
    ds.PatientName = who.person_name
    ds.PatientID = who.patient_id
    if who.issuer:
        ds.IssuerOfPatientID = who.issuer
    ds.PatientBirthDate = f"{who.birth_date:%Y%m%d}"
    ds.PatientBirthTime = "041500"
    ds.PatientSex = who.sex
    ds.PatientAge = who.age(study.when)
    ds.PatientSize = "1.71"
    ds.PatientWeight = "74.5"
    ds.PatientAddress = who.address
    ds.PatientTelephoneNumbers = who.telephone
    ds.PatientMotherBirthName = who.mother
    ds.EthnicGroup = "n/a"
    ds.Occupation = "Glassblower"
    ds.SmokingStatus = "UNKNOWN"
    ds.PregnancyStatus = 4
    ds.MedicalAlerts = "Pacemaker"
    ds.AdditionalPatientHistory = f"{who.given} {who.family}, born {who.birth_date:%d.%m.%Y}, COPD, see letter"
    ds.PatientComments = f"Bed 12, call {who.telephone}"
    other = Dataset()
    other.PatientID = who.other_id
    other.IssuerOfPatientID = "NATIONAL"
    other.TypeOfPatientID = "TEXT"
    ds.OtherPatientIDsSequence = Sequence([other])


def _study(ds: Dataset, study: StudyContext) -> None:
    who, uids = study.identity, study.uids
    ds.StudyInstanceUID = uids.study
    ds.StudyID = who.study_id(study.when)
    ds.StudyDate = study.day
    ds.StudyTime = "101500.123000"
    ds.StudyDescription = "Thorax RT planning"
    ds.AccessionNumber = who.accession_number(study.when)
    ds.ReferringPhysicianName = who.referring
    ds.ReferringPhysicianTelephoneNumbers = "+49-7755-0188100"
    ds.PhysiciansOfRecord = who.physician
    ds.PerformingPhysicianName = who.physician
    ds.NameOfPhysiciansReadingStudy = who.referring
    ds.AdmittingDiagnosesDescription = f"NSCLC stage IIIA ({who.family})"
    ds.ProcedureCodeSequence = Sequence([code("CTTHX", "99LOCAL", "CT thorax RT")])
    ds.ReferencedStudySequence = Sequence([reference(STUDY_CLASS, uids.other(2))])
    ds.PerformedProcedureStepID = "PPS4711"
    ds.PerformedProcedureStepStartDate = study.day
    ds.PerformedProcedureStepStartTime = "101500.123000"
    ds.PerformedProcedureStepDescription = "RT thorax"
    request = Dataset()
    request.AccessionNumber = who.accession_number(study.when)
    request.StudyInstanceUID = uids.study
    request.RequestedProcedureID = "RP" + who.study_id(study.when)
    request.RequestedProcedureDescription = "CT for RT planning"
    request.ScheduledProcedureStepID = "SPS4711"
    request.ScheduledProcedureStepDescription = f"CT thorax {who.family}"
    request.ScheduledProtocolCodeSequence = Sequence([code("CTTHX", "99LOCAL", "CT thorax RT")])
    ds.RequestAttributesSequence = Sequence([request])
