// eslint-plugin-rxjs-x's finnish rule, for Observables alone: it also wants the suffix on what returns an Observable.
import rxjs from 'eslint-plugin-rxjs-x'

const { finnish } = rxjs.rules

export default {
  ...finnish,
  create(context) {
    const { parserServices } = context.sourceCode
    const report = (problem) => {
      const index = context.sourceCode.getIndexFromLoc(problem.loc.start)
      const type = parserServices.getTypeAtLocation(context.sourceCode.getNodeByRangeIndex(index))
      const isCallable = (part) => part.getCallSignatures().length > 0
      const parts = type.isUnion() ? type.types : [type]
      if (!parts.some(isCallable)) context.report(problem)
    }
    return finnish.create(Object.create(context, { report: { value: report } }))
  },
}
