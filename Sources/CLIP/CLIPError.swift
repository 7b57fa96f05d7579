import Foundation

/// An error of a CLIP model; each message names the file and the fix.
public enum CLIPError: Error, Equatable, CustomStringConvertible {
  /// A file of the model cannot be used.
  case badFile(URL, reason: String)
  /// A setting has a value that this package does not support.
  case badSetting(URL, key: String, value: String, wanted: String)
  /// A setting is not known, so its effect on the features is not known either.
  case unknownSetting(URL, key: String, value: String)
  /// A file that the model needs is missing.
  case missingFile(URL)
  /// The folder holds only pickled weights, which are programs.
  case pickledWeights(URL)
  /// A dense extractor that does not exist.
  case unknownExtractor(String)
  /// A reading of an image tower that does not exist.
  case unknownReading(String)
  /// An image tower without attention layers was asked for their keys.
  case noKeys
  /// An image trunk whose architecture is not known.
  case unknownTrunk(String)

  /// The message in one line.
  public var description: String {
    switch self {
    case .badFile(let url, let reason): "\(url.path): \(reason)"
    case .badSetting(let url, let key, let value, let wanted): "\(url.path): \(key) is \(value); \(wanted)"
    case .unknownSetting(let url, let key, let value):
      "\(url.path): \(key) (\(value)) is not a known setting, and the features may depend on it; "
        + "remove it from the file if they do not"
    case .pickledWeights(let url):
      "\(url.path): pickled weights are never loaded, because reading them can run a program; convert them in "
        + "Python: import torch; from safetensors.torch import save_file; "
        + "w = torch.load(\"\(url.lastPathComponent)\", map_location=\"cpu\", weights_only=True); "
        + "save_file({k: v.clone().contiguous() for k, v in w.items()}, \"model.safetensors\")"
    case .missingFile(let url):
      "\(url.path): not found; a CLIP folder holds config.json (or open_clip_config.json), model.safetensors and vocab.json with merges.txt (for a BERT, vocab.txt or tokenizer.json)"
    case .unknownExtractor(let name):
      "dense extractor \"\(name)\" is not known; use tokens, maskclip or sclip"
    case .unknownReading(let name):
      "model.dense \"\(name)\" is not known; use one of \(FeatureReading.names.joined(separator: ", "))"
    case .noKeys:
      "this image tower has no attention layers, so it has no keys; use another model.dense, or a vision transformer"
    case .unknownTrunk(let name):
      "image trunk \"\(name)\" is not known; use one of \(TrunkGeometry.names.joined(separator: ", "))"
    }
  }
}
