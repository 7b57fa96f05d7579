import CLIP
import Foundation

/// The CLIP model of a run: geometry and preparation; `clip.json`.
package struct ClipDescription: Codable, Sendable {
  /// The geometry.
  package let geometry: CLIPConfiguration
  /// How pixels become input.
  package let preparation: ImagePreparation

  /// Describes a model.
  package init(_ clip: CLIPModel) {
    self.init(geometry: clip.configuration, preparation: clip.preparation)
  }

  /// Describes a model that there may not be yet.
  package init(geometry: CLIPConfiguration, preparation: ImagePreparation) {
    self.geometry = geometry
    self.preparation = preparation
  }

  /// Reads the description that a run holds.
  ///
  /// - Throws: `RunError.unreadable`.
  package init(_ run: RunFolder) throws {
    do {
      self = try JSONDecoder().decode(ClipDescription.self, from: Data(contentsOf: run.clipFile))
    } catch {
      throw RunError.unreadable(run.clipFile)
    }
  }
}
