"""What programs of the site said of faces: which voxels of which objects."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pacs2trial.vault.tables.base import Base, now


class FaceRemoval(Base):
    """The answer about one volume: objects of a series with their pixels. What removed a face stands for ever.

    What failed gives way to the next answer.
    """

    __tablename__ = "face_removal"
    id: Mapped[int] = mapped_column(primary_key=True)
    volume: Mapped[str] = mapped_column(String(64), unique=True)  # keyed look-up value of the objects and their pixels
    outcome: Mapped[str] = mapped_column(String(16))  # removed, failed
    reason: Mapped[str] = mapped_column(String(100), default="")  # of a failure; never a value
    program: Mapped[str] = mapped_column(String(200))  # name and version as the site told them
    declared: Mapped[str] = mapped_column(String(64))  # digest of all that the site said of the program
    changed: Mapped[int] = mapped_column(default=0)  # voxels of a million
    answered_at: Mapped[datetime] = mapped_column(default=now)


class FaceMask(Base):
    """The voxels of one object of a volume that are blanked for trials that have faces removed."""

    __tablename__ = "face_mask"
    id: Mapped[int] = mapped_column(primary_key=True)
    removal_id: Mapped[int] = mapped_column(ForeignKey("face_removal.id"))
    instance_id: Mapped[int] = mapped_column(ForeignKey("instance.id"))
    mask: Mapped[str] = mapped_column(ForeignKey("pin.digest"))  # the bits
    __table_args__ = (UniqueConstraint("removal_id", "instance_id"),)
