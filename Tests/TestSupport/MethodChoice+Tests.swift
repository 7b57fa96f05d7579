import Segmentation

extension MethodChoice {
  /// The method without region selection and L_contrast.
  package static let withoutRegionSelection = mcdrl.changing(MCDRL.self) { $0.region = nil }
  /// The method without the intervention and L_causal.
  package static let withoutIntervention = mcdrl.changing(MCDRL.self) { $0.intervention = nil }
  /// The method, the baseline, and the method with a part turned off.
  package static let paper = [mcdrl, baseline, withoutRegionSelection, withoutIntervention]
  /// The published methods to compare with.
  package static let peers = MethodRegistry.builtIn.methods.filter {
    ![MCDRL.name, Baseline.name, BaselineInterventions.name].contains($0.name)
  }
}
