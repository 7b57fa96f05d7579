import CLIP
import Training

extension StudyPlan {
  /// Checks that an image tower can do what every run asks of it.
  ///
  /// A run with a CLIP model of its own is checked when it starts.
  ///
  /// - Parameter model: the CLIP model of the runs, or one of the same geometry.
  /// - Throws: `SettingsError` that names the setting.
  package func requireTower(of model: CLIPModel) throws {
    for arm in arms {
      for candidate in candidates {
        let settings = try settings(arm, candidate)
        if settings.clip == configuration.clip { try RunChecks.requireTower(settings, of: model) }
      }
    }
  }
}
