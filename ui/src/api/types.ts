/** The parts of STAC, OGC API - Processes and RFC 9457 that this page reads. */
import type { FeatureCollection, Geometry } from 'geojson';

/** West, south, east, north in degrees. */
export type LonLatBox = [number, number, number, number];

export interface StacAsset {
  href: string;
  type?: string;
  title?: string;
  roles?: string[];
}

export interface StacItem {
  id: string;
  collection?: string;
  bbox?: number[];
  geometry: Geometry | null;
  properties: Record<string, unknown>;
  assets: Record<string, StacAsset>;
}

export interface LegendClass {
  value: number | string;
  name: string;
  colour: string;
  hcat_code?: string;
}

export interface JsonSchema {
  type?: string | string[];
  title?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  const?: unknown;
  format?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  multipleOf?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  pattern?: string;
  items?: JsonSchema;
  examples?: unknown[];
  'x-unit'?: string;
}

export interface ProcessInput {
  title?: string;
  description?: string;
  schema: JsonSchema;
  minOccurs?: number;
}

export interface ProcessSummary {
  id: string;
  version: string;
  title?: string;
  description?: string;
}

export interface ProcessDescription extends ProcessSummary {
  inputs: Record<string, ProcessInput>;
}

export type JobState = 'accepted' | 'running' | 'successful' | 'failed' | 'dismissed';

export interface JobStatus {
  jobID: string;
  processID: string;
  status: JobState;
  progress?: number;
  message?: string;
  created?: string;
  started?: string;
  finished?: string;
  updated?: string;
  inputs?: Record<string, unknown>;
  problem?: ProblemDocument | null;
}

export interface LogLine {
  time: string | null;
  text: string;
}

export interface ProblemDocument {
  type?: string;
  title?: string;
  status?: number;
  code?: string;
  hint?: string;
  detail?: string;
  request_id?: string;
  errors?: { where: string; what: string }[];
}

/** What was computed for one feature, day by day. */
export interface FeatureSeries {
  dates: string[];
  [quantity: string]: (number | string | null)[];
}

/** Series by feature. */
export type SeriesFile = Record<string, FeatureSeries>;
export type Features = FeatureCollection<Geometry | null, Record<string, unknown>>;
