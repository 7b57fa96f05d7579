import Foundation
import Storage

extension PromptSet {
  /// A prompt file of this package, by its name in `Prompts/`.
  public enum Pack: String, CaseIterable, Sendable {
    /// Endoscopy with the twelve confounders of the paper.
    case endoscopy
    /// Endoscopy with fifteen confounders.
    case endoscopy15 = "endoscopy-15"
    /// Endoscopy with twenty-one confounders: also dyes, instruments, text and the view's outline.
    case endoscopy21 = "endoscopy-21"
    /// Photographs of the retina.
    case fundus
    /// Dermoscopy.
    case dermoscopy
    /// Ultrasound.
    case ultrasound
    /// Chest X-ray.
    case xray
    /// Stained sections.
    case histology

    /// The text of the file.
    package var text: Data {
      switch self {
      case .endoscopy: Data(PackageResources.endoscopy_json5)
      case .endoscopy15: Data(PackageResources.endoscopy_15_json5)
      case .endoscopy21: Data(PackageResources.endoscopy_21_json5)
      case .fundus: Data(PackageResources.fundus_json5)
      case .dermoscopy: Data(PackageResources.dermoscopy_json5)
      case .ultrasound: Data(PackageResources.ultrasound_json5)
      case .xray: Data(PackageResources.xray_json5)
      case .histology: Data(PackageResources.histology_json5)
      }
    }
  }

  /// Reads a prompt file of this package.
  ///
  /// - Throws: `PromptError` if the file has errors; a test of the package excludes this.
  public init(_ pack: Pack) throws { try self.init(json5: pack.text, name: pack.rawValue) }

  /// The words for endoscopy, with the twelve confounders of the paper.
  ///
  /// - Throws: `PromptError` if the file has errors; a test of the package excludes this.
  public static var endoscopy: PromptSet { get throws { try PromptSet(.endoscopy) } }
}
