import CLIP
import Foundation

/// The geometry and preparation of a run's CLIP model; `clip.json`.
package struct ClipDescription: Codable, Sendable {
  /// The geometry.
  package let geometry: CLIPConfiguration
  /// The preparation of images.
  package let preparation: ImagePreparation

  /// Describes a model.
  package init(_ clip: CLIPModel) {
    self.init(geometry: clip.configuration, preparation: clip.preparation)
  }

  /// Describes a model that may not exist yet.
  package init(geometry: CLIPConfiguration, preparation: ImagePreparation) {
    self.geometry = geometry
    self.preparation = preparation
  }

  /// Reads the description of a run.
  ///
  /// - Throws: `RunError.unreadable`.
  package init(_ run: RunFolder) throws {
    do {
      self = try JSONDecoder().decode(ClipDescription.self, from: Data(contentsOf: run.clipFile))
    } catch {
      throw RunError.unreadable(run.clipFile)
    }
    guard geometry.fault == nil else { throw RunError.unreadable(run.clipFile) }
  }
}
