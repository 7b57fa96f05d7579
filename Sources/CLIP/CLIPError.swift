import Foundation

/// An error of a CLIP model; each message names the file and the fix.
public enum CLIPError: Error, Equatable, CustomStringConvertible {
  /// A file of the model cannot be used.
  case badFile(URL, reason: String)
  /// A file that the model needs is missing.
  case missingFile(URL)
  /// A dense extractor that does not exist.
  case unknownExtractor(String)
  /// An image trunk whose architecture is not known.
  case unknownTrunk(String)

  /// The message in one line.
  public var description: String {
    switch self {
    case .badFile(let url, let reason): "\(url.path): \(reason)"
    case .missingFile(let url):
      "\(url.path): not found; a CLIP folder holds config.json (or open_clip_config.json), model.safetensors and vocab.json with merges.txt"
    case .unknownExtractor(let name):
      "dense extractor \"\(name)\" is not known; use tokens, maskclip or sclip"
    case .unknownTrunk(let name):
      "image trunk \"\(name)\" is not known; use one of \(EfficientNetGeometry.names.joined(separator: ", "))"
    }
  }
}
