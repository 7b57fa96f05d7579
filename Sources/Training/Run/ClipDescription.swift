import CLIP
import Foundation
import Storage

/// The geometry and preparation of a run's CLIP model; `clip.json`.
package struct ClipDescription: Codable, Sendable {
  /// The geometry.
  package let geometry: CLIPConfiguration
  /// The preparation of images.
  package let preparation: ImagePreparation
  /// False for an image trunk without words; nil otherwise, as in files of earlier versions.
  private let words: Bool?

  /// Whether the embedded prompts of the run have a meaning.
  package var hasWords: Bool { words ?? true }

  /// Describes a model.
  package init(_ clip: CLIPModel) {
    (geometry, preparation) = (clip.configuration, clip.preparation)
    words = clip.hasWords ? nil : false
  }

  /// Describes a model with words that may not exist yet.
  package init(geometry: CLIPConfiguration, preparation: ImagePreparation) {
    (self.geometry, self.preparation, words) = (geometry, preparation, nil)
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
