"""Made-up names: facilities, systems and the values of every dimension.

Some values hold commas, quotes, dashes and accents on purpose: readers must cope with them.
"""

from __future__ import annotations

FACILITY_FIRST: tuple[str, ...] = (
    "AMBER", "BIRCH", "CEDAR", "CORAL", "CREST", "DELTA", "EAGLE", "EMBER", "FALCON", "GARNET",
    "GLACIER", "GRANITE", "HARBOR", "HAZEL", "HERON", "INDIGO", "IRON", "JUNIPER", "LAUREL", "LINDEN",
    "MAPLE", "MARBLE", "MEADOW", "MESA", "NORTH", "OPAL", "ORCHARD", "PRAIRIE", "QUARRY", "RIVER",
    "SABLE", "SIERRA", "SPRUCE", "STERLING", "SUMMIT", "TIDAL", "UNION", "VALLEY", "WILLOW", "ZENITH",
)  # fmt: skip
FACILITY_SECOND: tuple[str, ...] = (
    "BRIDGE", "CAMPUS", "CENTER", "CLINIC", "COMMONS", "COURT", "GARDENS", "GATE", "GENERAL", "HALL",
    "HILL", "HOSPITAL", "HOUSE", "INFIRMARY", "LAKE", "MEMORIAL", "PARK", "POINT", "REGIONAL", "TOWER",
)  # fmt: skip
SYSTEMS: tuple[str, ...] = (
    "AURORA_CARE", "BLUE_RIDGE_HEALTH", "CASCADE_PARTNERS", "FOUR_RIVERS", "GOLDEN_PLAINS",
    "LAKESHORE_ALLIANCE", "NORTHWIND_HEALTH", "PIONEER_SYSTEM", "UNITED_COUNTIES",
)  # fmt: skip

SERVICE_LINES: tuple[str, ...] = (
    "Heart and Vessel Care",
    "Brain, Spine and Nerve",
    "Mother–Baby Care",
    "Bone and Joint",
    "Lung and Sleep",
    "Kidney and Urinary",
    "Digestive Health",
    "Cancer Care",
    "Infections",
    'Joint Surgery "Fast Track"',
    "Children’s Medicine",
    "Ear, Nose and Throat",
    "Hormones and Metabolism",
    "Blood Disorders",
    "Ménière and Balance",
    "Skin and Soft Tissue",
    "Trauma (Level I/II)",
    "Transplant",
    "Behavioral Care",
    "Rehabilitation",
    "Eye Care",
    "General Medicine",
)
SUB_SERVICE_LINES: tuple[str, ...] = ("Medical", "Surgical, Elective")
DISCHARGE_STATUSES: tuple[str, ...] = (
    "Home or self-care",
    "Home with home-health visits",
    "Skilled nursing facility, Medicare-certified",
    "Acute rehabilitation unit",
    "Transferred to another acute-care hospital, bed not held",
    "Long-term care hospital – planned return within 30 days",
    "Left before discharge was advised",
    'Hospice, "at home"',
    "Hospice, facility",
    "Psychiatric unit",
    "Intermediate care",
    "Critical-access hospital",
    "Swing bed, same campus",
    "Children’s or cancer center",
    "Court or law enforcement",
    "Federal health-care facility",
    "Résidence médicalisée (nursing home abroad)",
    "Died in hospital",
    "Outpatient services of another institution",
    "Other destination",
)
ADMISSION_SOURCES: tuple[str, ...] = (
    "Emergency room", "Physician referral", "Other hospital", "Nursing facility", "Newborn, this hospital",
)  # fmt: skip
ADMISSION_STATUSES: tuple[str, ...] = ("Elective", "Emergency", "Newborn", "Urgent")
PAYER_SEGMENTS: tuple[str, ...] = ("Commercial", "Medicaid", "Medicare", "Self-pay", "Workers’ compensation")


def sub_service_line(service_line: str, part: str) -> str:
    """Label of a sub-service line, unique over all service lines."""
    return f"{service_line} – {part}"
