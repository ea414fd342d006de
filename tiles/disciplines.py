"""Which trade a part of a building belongs to: a property that viewers switch parts on and off by."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["DISCIPLINES", "disciplines"]

DISCIPLINES: dict[str, str] = {
    "structure": "Beam Column Footing Pile Slab Member BearingElement ReinforcingBar ReinforcingMesh Tendon "
    "TendonAnchor TendonConduit DeepFoundation CaissonFoundation ElementAssembly Bearing FoundationStud",
    "architecture": "Wall WallStandardCase WallElementedCase CurtainWall Window WindowStandardCase Door "
    "DoorStandardCase Roof Stair StairFlight Ramp RampFlight Railing Covering Plate Chimney ShadingDevice "
    "BuildingElementProxy BuiltElement BuildingElementPart SlabElementedCase SlabStandardCase BeamStandardCase",
    "hvac": "AirTerminal AirTerminalBox AirToAirHeatRecovery Boiler Burner Chiller Coil Compressor Condenser "
    "CooledBeam CoolingTower Damper DuctFitting DuctSegment DuctSilencer EvaporativeCooler Evaporator Fan Filter "
    "HeatExchanger Humidifier SpaceHeater TubeBundle UnitaryEquipment VibrationIsolator Engine",
    "plumbing": "PipeFitting PipeSegment Pump SanitaryTerminal StackTerminal Tank Valve WasteTerminal Interceptor "
    "FlowMeter",
    "fire": "FireSuppressionTerminal Alarm",
    "electrical": "AudioVisualAppliance CableCarrierFitting CableCarrierSegment CableFitting CableSegment "
    "CommunicationsAppliance ElectricAppliance ElectricDistributionBoard ElectricFlowStorageDevice "
    "ElectricGenerator ElectricMotor ElectricTimeControl JunctionBox Lamp LightFixture MotorConnection Outlet "
    "ProtectiveDevice ProtectiveDeviceTrippingUnit SolarDevice SwitchingDevice Transformer Actuator Controller "
    "Sensor UnitaryControlElement DistributionControlElement",
    "services": "FlowTerminal FlowSegment FlowFitting FlowController FlowMovingDevice FlowStorageDevice "
    "FlowTreatmentDevice EnergyConversionDevice DistributionElement DistributionFlowElement "
    "DistributionChamberElement TransportElement",
    "furnishing": "Furniture FurnishingElement SystemFurnitureElement",
    "civil": "Pavement Kerb Course EarthworksElement EarthworksFill EarthworksCut Rail TrackElement Sign Signal "
    "CivilElement GeographicElement Geomodel MarineFacility Road Bridge Railway",
}
"""Discipline → IFC classes without their prefix (IFC2X3 to IFC4X3)."""
_OF_CLASS = {f"ifc{n}".lower(): kind for kind, names in DISCIPLINES.items() for n in names.split()}


def disciplines(ifc_class: NDArray[np.object_]) -> NDArray[np.object_]:
    """Discipline of each IFC class (n,), "" for what is none or of no known trade.

    >>> disciplines(np.array(["IfcWall", "IfcDuctSegment", ""], dtype=object)).tolist()
    ['architecture', 'hvac', '']
    """
    known, of = np.unique(ifc_class.astype(str), return_inverse=True)
    named = np.array([_OF_CLASS.get(k.lower(), "") for k in known.tolist()] + [""], dtype=object)
    return np.asarray(named[of], dtype=object)
