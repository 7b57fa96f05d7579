import Foundation
import Torch

/// The words of one modality: lesion classes, confounders in groups, and the sentences they are put into.
///
/// Read from a JSON5 file that a clinician can edit (`Prompts/endoscopy.json5`); method, section 2.
public struct PromptSet: Codable, Equatable, Sendable {
  /// One confounder.
  public struct Confounder: Codable, Equatable, Sendable {
    /// What tables call it.
    public var name: String
    /// What takes the place of `{domain}`.
    public var text: String
  }

  /// Confounders of one kind.
  public struct Group: Codable, Equatable, Sendable {
    /// What tables call the kind.
    public var name: String
    /// Its members.
    public var confounders: [Confounder]
  }

  /// The sentences.
  public struct Templates: Codable, Equatable, Sendable {
    /// With `{class}`.
    public var `class`: String
    /// With `{domain}`.
    public var confounder: String
    /// With `{class}` and `{domain}`.
    public var joint: String
  }

  /// What kind of images the prompts are for.
  public var modality: String
  /// The lesion classes, K.
  public var classes: [String]
  /// Sentences for an image without a lesion; their embeddings are averaged.
  public var normal: [String]
  /// The sentences.
  public var templates: Templates
  /// The confounders by kind, M in all.
  public var groups: [Group]

  /// Reads and checks a prompt file.
  ///
  /// - Throws: `PromptError` that names the file and the fault, `FileError` when it cannot be read.
  public init(contentsOf url: URL) throws {
    let data: Data
    do {
      data = try Data(contentsOf: url)
    } catch {
      throw FileError.cannotRead(url, reason: FileError.reason(of: error))
    }
    let decoder = JSONDecoder()
    decoder.allowsJSON5 = true
    do {
      self = try decoder.decode(PromptSet.self, from: data)
    } catch {
      throw PromptError(file: url.path, reason: explanation(of: error))
    }
    if let reason = fault { throw PromptError(file: url.path, reason: reason) }
  }

  /// All confounders in order, M.
  public var confounders: [Confounder] { groups.flatMap(\.confounders) }

  /// "A {class} in an endoscopic image", K.
  public var classPrompts: [String] { classes.map { fill(templates.class, class: $0) } }

  /// "An endoscopy image with {domain}", M.
  public var confounderPrompts: [String] {
    confounders.map { fill(templates.confounder, domain: $0.text) }
  }

  /// "A {class} with {domain}", K·M, the confounder fastest.
  public var jointPrompts: [String] {
    classes.flatMap { name in confounders.map { fill(templates.joint, class: name, domain: $0.text) } }
  }

  private func fill(_ template: String, class name: String = "", domain: String = "") -> String {
    template.replacingOccurrences(of: "{class}", with: name)
      .replacingOccurrences(of: "{domain}", with: domain)
  }

  private var fault: String? {
    if classes.isEmpty { return "classes is empty; name at least one lesion class" }
    if confounders.isEmpty { return "groups hold no confounder; name at least one" }
    if normal.isEmpty { return "normal is empty; give at least one sentence for an image without a lesion" }
    let names = confounders.map(\.name)
    if let twice = names.first(where: { name in names.filter { $0 == name }.count > 1 }) {
      return "the confounder \"\(twice)\" stands twice; names must differ"
    }
    if Set(classes).count != classes.count { return "a class stands twice; names must differ" }
    if !templates.class.contains("{class}") { return "templates.class lacks {class}" }
    if !templates.confounder.contains("{domain}") { return "templates.confounder lacks {domain}" }
    if !(templates.joint.contains("{class}") && templates.joint.contains("{domain}")) {
      return "templates.joint must hold {class} and {domain}"
    }
    return nil
  }
}

/// A prompt file that cannot be used.
public struct PromptError: Error, Equatable, CustomStringConvertible {
  /// The file.
  public let file: String
  /// What is wrong and what to do.
  public let reason: String

  /// One line that names the file.
  public var description: String { "\(file): \(reason)" }
}

/// What a JSON decoder found wrong, with the place, in one line.
public func explanation(of error: any Error) -> String {
  func place(_ context: DecodingError.Context) -> String {
    let path = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }
    return path.isEmpty ? "" : " in \(path.joined(separator: "."))"
  }
  switch error as? DecodingError {
  case .keyNotFound(let key, let context): return "\"\(key.stringValue)\" is missing\(place(context))"
  case .typeMismatch(_, let context), .valueNotFound(_, let context):
    return "\(context.debugDescription)\(place(context))"
  case .dataCorrupted(let context):
    let detail = (context.underlyingError as NSError?)?.userInfo[NSDebugDescriptionErrorKey] as? String
    return "\(detail ?? context.debugDescription)\(place(context))"
  default: return "\(error)"
  }
}
