import Segmentation
import Storage
import Torch

extension RunConfiguration {
  /// The settings of an earlier version's run, as this version names them.
  ///
  /// `model.region.subtractsNormal` became `model.region.score`. A run that says nothing of interventions was trained
  /// without them, whatever is the default now. Of all else that a run lacks the default is what it was trained with.
  static func ofEarlierVersion(_ settings: JSONValue) -> JSONValue {
    guard var members = settings.members else { return settings }
    if members["interventions"] == nil { members["interventions"] = .object(["share": .integer(0)]) }
    if var model = members["model"]?.members, var region = model["region"]?.members,
      case .bool(let subtracts)? = region.removeValue(forKey: "subtractsNormal")
    {
      let score: RegionScore = subtracts ? .lessNormal : .max
      region["score"] = region["score"] ?? .string(score.rawValue)
      model["region"] = .object(region)
      members["model"] = .object(model)
    }
    return .object(members)
  }
}
