{{- /* [[ mark ]] Change manifestgen/templates/. */ -}}

{{- define "[[ name ]].chart" -}}
{{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "[[ name ]].name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* A CronJob's name has at most 52 characters: 45 leave room for every suffix. */ -}}
{{- define "[[ name ]].prefix" -}}
{{ default "k8s-ai" .Values.fullnameOverride | trunc 45 | trimSuffix "-" }}
{{- end }}

{{- define "[[ name ]].exporter.name" -}}
{{ include "[[ name ]].prefix" . }}-exporter
{{- end }}

{{- define "[[ name ]].agent.name" -}}
{{ include "[[ name ]].prefix" . }}-agent
{{- end }}

{{- define "[[ name ]].alerts.name" -}}
{{ if .Values.fullnameOverride }}{{ include "[[ name ]].prefix" . }}{{ else }}binbots-k8s{{ end }}-alerts
{{- end }}
[% for program in ["exporter", "agent"] %]
{{- define "[[ name ]].[[ program ]].serviceAccount" -}}
{{ if .Values.serviceAccount.[[ program ]].name -}}
{{ .Values.serviceAccount.[[ program ]].name }}
{{- else if .Values.serviceAccount.[[ program ]].create -}}
{{ include "[[ name ]].[[ program ]].name" . }}
{{- else -}}
default
{{- end }}
{{- end }}

{{- define "[[ name ]].[[ program ]].image" -}}
{{ with .Values.image.[[ program ]] -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ default (printf "v%s" $.Chart.AppVersion) .tag }}{{ end }}
{{- end }}
{{- end }}
[% endfor %]
{{- define "[[ name ]].agent.prometheusUrl" -}}
{{ if .Values.agent.prometheusUrl -}}
{{ .Values.agent.prometheusUrl }}
{{- else if eq .Values.exporter.mode "standalone" -}}
http://{{ include "[[ name ]].exporter.name" . }}.{{ .Values.namespace }}.svc:[[ port ]]
{{- else -}}
http://prometheus-operated.{{ .Values.namespace }}.svc:9090
{{- end }}
{{- end }}

{{- define "[[ name ]].agent.backendPort" -}}
{{ $url := urlParse (include "[[ name ]].agent.prometheusUrl" .) -}}
{{ regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default (ternary "443" "80" (eq $url.scheme "https")) }}
{{- end }}

{{- define "[[ name ]].serviceMonitor.interval" -}}
{{ default .Values.exporter.scrapeInterval .Values.serviceMonitor.interval }}
{{- end }}

{{- define "[[ name ]].exporter.least" -}}
{{ if eq .Values.exporter.mode "statefulset" }}{{ int64 .Values.exporter.allNodes.shards }}{{ else }}1{{ end }}
{{- end }}
