import CLIP
import Training

extension StudyPlan {
  /// Checks that an image tower can do what every run asks of it.
  ///
  /// - Parameter model: the CLIP model of the runs, or one of the same geometry.
  /// - Throws: `SettingsError` that names the setting.
  package func requireTower(of model: CLIPModel) throws {
    for arm in arms {
      for candidate in candidates { try RunChecks.requireTower(settings(arm, candidate), of: model) }
    }
  }
}
