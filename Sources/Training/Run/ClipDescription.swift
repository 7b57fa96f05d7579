import CLIP
import Foundation
import Storage

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
  /// - Throws: `RunError.unreadable`, or `FileError` with the system's reason.
  package init(_ run: RunFolder) throws {
    guard FileManager.default.fileExists(atPath: run.clipFile.path) else {
      throw RunError.unreadable(run.clipFile)
    }
    do {
      self = try JSONDecoder().decode(ClipDescription.self, from: Data(file: run.clipFile))
    } catch  where !(error is FileError) {
      throw RunError.unreadable(run.clipFile)
    }
    let pixels = [preparation.mean, preparation.deviation]
    guard geometry.fault == nil, pixels.allSatisfy({ $0.count == 3 && $0.allSatisfy(\.isFinite) }),
      !preparation.deviation.contains(0)
    else { throw RunError.unreadable(run.clipFile) }
  }
}
