import Confounders
import SyntheticEndoscopy

extension PromptSet {
  /// Checks that the prompts cover the classes and confounders of the rendered world.
  ///
  /// - Throws: `PromptError` that names the classes and confounders that have no prompt.
  package func requireNames(of world: World.Type) throws {
    let (known, named) = (Set(classes), Set(confounders.map(\.name)))
    let lacking =
      LesionClass.allCases.map(\.rawValue).filter { !known.contains($0) }
      + SyntheticEndoscopy.Confounder.allCases.map(\.rawValue).filter { !named.contains($0) }
    guard lacking.isEmpty else {
      throw PromptError(
        file: "prompts for \(modality)",
        faults: [
          PromptFault(
            reason:
              "rendered pictures show \(lacking.joined(separator: ", ")), for which there are no words here; "
              + "use Prompts/endoscopy.json5 or add them")
        ])
    }
  }
}
