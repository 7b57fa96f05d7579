import Foundation
import Segmentation
import Torch

extension Trainer {
  /// Runs one step: forward pass, L_seg and the method's terms, backward pass, optimiser.
  ///
  /// Several processes compute their own rows as far as the method's `MethodTraits.sharing` says.
  func step(_ made: TrainingBatch) throws -> StepLosses {
    let batch = try made.sent(to: system.device)
    let method = system.model.method
    let changesWeights = state.step + 1 == stepsPerEpoch || (state.step + 1) % configuration.accumulation == 0
    try reducer?.prepareForward(synchronizes: changesWeights)
    let rows = try SharedRows(batch, processes, configuration.model.method.traits, system.device)
    func pass(_ sites: [Int], _ generator: Generator) -> TrainingPass {
      TrainingPass(
        sites: sites, generator: generator, epoch: state.epoch, epochs: configuration.plannedEpochs)
    }
    let generator = try Generator(seed: configuration.seed, for: "method", "\(state.epoch)", "\(state.step)")
    let all = pass(batch.share.sites, generator)
    let images = try rows.changed(batch.images, by: method.label) { try method.images($0, all) }
    let restyling = try styles?.restyling(batch.interventions, generator, rows: batch.share.intervened)
    // Styles act inside the tower, so its frozen part cannot run ahead.
    let frozen = restyling == nil ? try encoder?(images, cached: batch.cached) : nil
    let output = try system(
      images, cached: frozen, ForwardPass(training: pass(rows.forwardSites, generator)),
      restyling: restyling, completed: rows.completed)
    let seen = try rows.seen(output, pretrained: pretrained?(images).images) {
      try Objective.segmentation(
        logits: $0.to(.float32), masks: $1, dice: configuration.objective.dice)
    }
    let segmentation = try rows.mean(seen.each, intervened: configuration.interventions.segmentation)
    let methodBatch = MethodBatch(
      sites: rows.lossSites, masks: seen.masks, classes: seen.classes, losses: seen.each,
      interventions: seen.interventions, pretrained: seen.pretrained, pass: pass(rows.lossSites, generator),
      progress: min(1, Double(state.totalSteps) / Double(configuration.plannedEpochs * stepsPerEpoch)))
    let replaced = try method.segmentation(methodBatch)
    let terms = try method.losses(seen.output, methodBatch)
    guard !rows.hasOwnLosses || replaced == nil && terms.isEmpty else {
      throw MethodError.sharesTerm(method: method.label)
    }
    var total = replaced ?? segmentation
    for term in terms { total = try total + term.value * term.weight }
    let losses = try rows.summed(
      StepLosses(total: total, segmentation: segmentation, terms: terms.map { ($0.name, $0.value) }))
    try check(losses.total)
    try losses.requireNames(of: method)
    let scaled = try rows.scaled(total, accumulation: configuration.accumulation)
    try reducer?.prepareBackward(outputs: [scaled])
    try scaled.backward()
    if changesWeights {
      try check(clipGradients(of: optimizer.parameters, toNorm: configuration.optimizer.gradientClip))
      try optimizer.step(scale: configuration.rate(at: state.totalSteps, stepsPerEpoch: stepsPerEpoch))
      try optimizer.clearGradients()
      try average?.update()
    }
    return losses
  }
}
